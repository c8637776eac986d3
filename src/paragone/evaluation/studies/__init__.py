"""Measurements that belong to no single run; one file a study, one DVC stage each."""
