"""What to say of a name that does not exist: the nearest ones that do."""

from collections.abc import Iterable
from difflib import get_close_matches


def hint(name: object, known: Iterable[object]) -> str:
    """`did you mean 'a' or 'b'?`; the list of what is known where nothing is near."""
    names = [str(k) for k in known]
    return near(name, names).rstrip() or f"known: {', '.join(names) or 'none'}"


def near(name: object, known: Iterable[object]) -> str:
    """The same with a space after it, where something is near; else nothing."""
    found = get_close_matches(str(name), [str(k) for k in known], n=3)
    return f"did you mean {' or '.join(map(repr, found))}? " if found else ""
