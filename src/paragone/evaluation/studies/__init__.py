"""Measurements that belong to no single run; one file per study, one DVC stage each."""
