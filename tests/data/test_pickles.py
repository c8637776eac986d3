import pickle
import struct

import numpy as np
import pytest

from paragone.data import pickles
from paragone.data.pickles import PickleError
from support import cifar10_files

HEAD = b"\x80\x02"


def test_reads_a_batch_as_pickle_itself_does() -> None:
    data = cifar10_files.python2_pickle(*cifar10_files.pictures(300))
    ours, theirs = pickles.read(data), pickle.loads(data, encoding="bytes")
    assert list(ours) == list(theirs) == [b"batch_label", b"labels", b"data", b"filenames"]
    np.testing.assert_array_equal(ours.pop(b"data"), theirs.pop(b"data"))
    assert ours == theirs


def test_memo_of_a_published_batch_fits() -> None:
    """10,000 file names and more go to the memo."""
    images, labels = cifar10_files.pictures(10)
    data = cifar10_files.python2_pickle(np.repeat(images, 100, 0), np.repeat(labels, 100))
    assert len(pickles.read(data)[b"filenames"]) == 1000


HOSTILE = {
    "system": (HEAD + b"cposix\nsystem\nU\x05false\x85R.", "calls for 'posix.system' at byte 2"),
    "eval": (HEAD + b"c__builtin__\neval\nU\x051 + 1\x85R.", "calls for '__builtin__.eval'"),
    "hidden in numpy": (HEAD + b"cnumpy.testing._private.utils\nrunstring\n)R.", "numpy.testing._private.utils.runs"),
    "dotted": (HEAD + b"cnumpy\nndarray.__class__\n.", "calls for 'numpy.ndarray.__class__'"),
    "after the batch": (HEAD + b"}U\x01acos\nsystem\n.", "calls for 'os.system'"),
    "old protocol": (b"cposix\nsystem\n(S'false'\ntR.", "calls for 'posix.system' at byte 0"),
    "instance": (HEAD + b"(iposix\nsystem\n.", "instruction INST"),
    "object": (HEAD + b"(cnumpy\ndtype\no.", "instruction OBJ"),
    "new object": (HEAD + b"cnumpy\ndtype\n)\x81.", "instruction NEWOBJ"),
    "stack global": (
        b"\x80\x04\x8c\x05posix\x8c\x06system\x93.",
        "instruction SHORT_BINUNICODE|instruction STACK_GLOBAL",
    ),
    "persistent": (HEAD + b"Pid\n.", "instruction PERSID"),
    "extension": (HEAD + b"\x82\x01.", "instruction EXT1"),
    "memo of 60 GB": (HEAD + b"Nr\xff\xff\xff\xff.", "refers to object 4294967295 in a file of"),
    "string of 2 GB": (HEAD + b"T\xff\xff\xff\x7fabc.", "damaged or cut short"),
    "negative string": (HEAD + b"T\xff\xff\xff\xffabc.", "damaged or cut short"),
    "buffer of 8 EB": (
        b"\x80\x05\x96" + struct.pack("<Q", 2**62) + b".",
        "damaged or cut short|instruction BYTEARRAY8",
    ),
    "call of a string": (HEAD + b"U\x06system)R.", "damaged or cut short"),
    "state of a list": (HEAD + b"](U\x01aN\x86b.", "damaged or cut short"),
    "list as key": (HEAD + b"}]Ns.", "damaged or cut short"),
    "array of objects": (
        HEAD + b"}U\x01acnumpy.core.multiarray\n_reconstruct\n)R(K\x01K\x01\x85cnumpy\ndtype\nU\x02O8\x85R\x89]tbs.",
        "an array of type b'O8', not uint8",
    ),
    "array larger than its bytes": (
        HEAD + b"}U\x01acnumpy.core.multiarray\n_reconstruct\n)R(K\x01J\xff\xff\xff\x7f\x85"
        b"cnumpy\ndtype\nU\x02u1\x85R\x89U\x00tbs.",
        "an array of shape (2147483647,) with 0 bytes",
    ),
    "only an array": (HEAD + b"cnumpy.core.multiarray\n_reconstruct\n)R.", "holds a _Array, not a dict"),
    "nothing": (b"", "damaged or cut short"),
    "no end": (HEAD + b"}", "damaged or cut short"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_refused_in_one_sentence(case: str) -> None:
    data, expected = HOSTILE[case]
    with pytest.raises(PickleError) as error:
        pickles.read(data)
    assert any(s in str(error.value) for s in expected.split("|"))
    assert "\n" not in str(error.value)


def test_a_flipped_byte_never_gets_past_as_anything_but_data() -> None:
    """Any one flipped byte gives an error or a dict of plain values."""
    data = cifar10_files.python2_pickle(*cifar10_files.pictures(1))
    for place in [*range(0, 200), *range(len(data) - 60, len(data))]:
        for flip in (1, 0x20, 0xFF):
            spoilt = bytearray(data)
            spoilt[place] ^= flip
            try:
                found = pickles.read(bytes(spoilt))
            except PickleError:
                continue
            assert isinstance(found, dict)
