"""Truth values mean the same however they are written."""

from pathlib import Path

import lepton_lab as ll


def test_true_and_python_s_true_are_one_category(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("member,kind\n" + "\n".join(f"{m},{k}" for m, k in [("True", "a"), ("False", "b")] * 20))
    data = ll.load_table(path, target="kind", valid=0, test=0)
    rows = [data.preprocessing({"member": value}).tolist() for value in (True, "True", "true")]
    assert rows[0] == rows[1] == rows[2]
    assert rows[0] != data.preprocessing({"member": False}).tolist()
    assert rows[0] != data.preprocessing({"member": None}).tolist()
