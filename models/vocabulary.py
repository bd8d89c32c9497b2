"""The coded words of a survey: elements, damages, orientations, grades by their schemes."""

from collections.abc import Mapping

# Parts of a Chinese timber building; the terms of GB/T 50165-2020 and of real survey reports.
ELEMENTS = (
    "RF-RDG-M",
    "RF-RDG-F",
    "RF-RDG-V",
    "RF-RDG-D",
    "RF-RDG-B",
    "RF-ORN",
    "RF-TIL",
    "RF-BED",
    "RF-SHB",
    "RF-SHD",
    "RF-EAV",
    "DC-PNT",
    "TF-RAF",
    "TF-PUR",
    "TF-RPU",
    "TF-BEA",
    "TF-TIE",
    "TF-COL",
    "TF-BRK",
    "TF-JNT",
    "WL-BRK",
    "FN-BAS",
    "DR-GUT",
    "JN-DW",
    # Masonry sites (pagoda, bridge): our own codes, as the timber list has none for them.
    "ST-ARC",
    "ST-PAR",
    "ST-PIR",
    "ST-PAV",
)

DAMAGES = (
    "COLLAPSE",
    "CRACK",
    "SPLIT",
    "LOOSE",
    "FALL",
    "LEAK",
    "DAYLIGHT",
    "ROT",
    "INSECT",
    "DEFLECT",
    "LEAN",
    "PULLOUT",
    "BREAK",
    "MISSING",
    "DISPLACE",
    "DAMP",
    "MOULD",
    "PLANT",
    # The five families of ICOMOS-ISCS (2008) for stone; CRACK stands above.
    "DETACHMENT",
    "MATERIAL-LOSS",
    "DISCOLORATION",
    "BIOLOGICAL",
)

ORIENTATIONS = ("N", "S", "E", "W", "C", "NS", "SS", "ES", "WS")  # NS: the north slope

# Grades never move from one scheme to another.
SCHEMES: Mapping[str, tuple[str, ...]] = {
    "EN16096-CC": ("CC0", "CC1", "CC2", "CC3"),
    "EN16096-UC": ("UC0", "UC1", "UC2", "UC3"),
    "GB50165-92": ("Ⅰ", "Ⅱ", "Ⅲ", "Ⅳ"),
    "GBT50165-2020": ("a", "b", "c", "d", "A", "B", "C", "D"),
    "BRE251": ("0", "1", "2", "3", "4", "5"),
}

# What keeps a zone shut until it was made safe: each scheme's worst word for danger. BRE 251
# grades the ease of repair, not danger, so none of its categories is here.
DANGEROUS = frozenset(
    {
        ("EN16096-CC", "CC3"),
        ("EN16096-UC", "UC3"),
        ("GB50165-92", "Ⅳ"),
        ("GBT50165-2020", "d"),
        ("GBT50165-2020", "D"),
    }
)


def grade_word(scheme: str, grade: str) -> str:
    """Return the code of a grade's meaning: `grade.EN16096-CC.3`."""
    return f"grade.{scheme}.{SCHEMES[scheme].index(grade)}"
