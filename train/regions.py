"""Regions that the network names, and the layouts that Europe's plates are drawn in.

Codes are ISO 3166: `us-ca` for a state, `de` for a country; `other` is everything else. The order is the
network's: it is written into models/contract.json and must not change without training anew.

Layouts: `A` a letter, `1` a digit, `|` a gap on the plate (seals and stickers stand there), anything else
stands for itself. They are what is drawn most, not the law; `crates/plate` holds the formats that count.
"""
STATES = ("al ak az ar ca co ct de dc fl ga hi id il in ia ks ky la me md ma mi mn ms mo mt ne nv nh nj nm ny nc nd oh ok or pa ri sc sd "
          "tn tx ut vt va wa wv wi wy").split()
EUROPE = {
    "at": ("A", "A|11AAA A|111AA AA|11AA AA|111AA AA|111A A|11111A A|1111A A|111111"),
    "be": ("B", "1|AAA|111 AAA|111 1|AAA|111"),
    "bg": ("BG", "A|1111|AA AA|1111|AA A1111AA AA1111AA"),
    "hr": ("HR", "AA|111|A AA|111|AA AA|1111|A AA|1111|AA"),
    "cy": ("CY", "AAA|111 AAA111"),
    "cz": ("CZ", "1A1|1111 1AA|1111 1A1|1111 1AA|11AA"),
    "dk": ("DK", "AA|11|111 AA11111"),
    "ee": ("EST", "111|AAA 111AAA"),
    "fi": ("FIN", "AAA|111 AAA|11 AA|111"),
    "fr": ("F", "AA|111|AA AA|111|AA 1111|AA|11 111|AAA|11 AA111AA"),
    "de": ("D", "A|AA1111 AA|AA111 AAA|A111 AA|A1111 A|AA111 AA|AA1111 AAA|AA111 AA|A111 AAA|A11 A|A111 AA|AA11 A|AA11 AA|A11"),
    "gr": ("GR", "AAA|1111 AAA1111"),
    "hu": ("H", "AAA|111 AA|AA|111"),
    "ie": ("IRL", "111|A|11111 111|A|1111 11|A|11111 111|AA|111 11|AA|1111"),
    "it": ("I", "AA|111AA AA111AA"),
    "lv": ("LV", "AA|1111 AA|111 AA1111"),
    "lt": ("LT", "AAA|111"),
    "lu": ("L", "AA|1111 AA1111 A1111 11111"),
    "mt": ("M", "AAA|111"),
    "nl": ("NL", "11|AA|AA 11|AAA|1 1|AAA|11 AA|11|AA AA|AA|11 AA|111|A A|111|AA 11|AA|11"),
    "pl": ("PL", "AA|11111 AAA|A111 AAA|11AA AA|1111A AAA|11A1 AA|111AA AAA|A11A AAA|11111 AA|1A111"),
    "pt": ("P", "11|AA|11 11|11|AA AA|11|11 AA|11|AA"),
    "ro": ("RO", "AA|11|AAA A|111|AAA A|11|AAA"),
    "sk": ("SK", "AA|111AA AA111AA"),
    "si": ("SLO", "AA|AA111 AA|111AA AA|11AAA AA|A1111 AA|1AA11"),
    "es": ("E", "1111|AAA 1111|AAA A|1111AA AA|1111AA"),
    "se": ("S", "AAA|111 AAA|11A"),
    "gb": ("GB", "AA11|AAA AA11|AAA AA11AAA A111|AAA AAA|111A"),
    "ch": ("CH", "AA|11111 AA|111111 AA|1111"),
    "no": ("N", "AA|11111 AA11111"),
    "ua": ("UA", "AA|1111|AA AA1111AA"),
    "rs": ("SRB", "AA|111|AA AA|1111|AA"),
}
REGIONS = [f"us-{s}" for s in STATES] + list(EUROPE) + ["br", "other"]
US = frozenset(i for i, r in enumerate(REGIONS) if r.startswith("us-"))
EU = frozenset(REGIONS.index(c) for c in EUROPE)


def index(code):
    return REGIONS.index(code)


def shape(text):
    """`7ABC128` as `1AAA111`."""
    return "".join("1" if c.isdigit() else "A" for c in text)


def european(text):
    """The countries whose layouts a text fits, or all of Europe where it fits none: what an unlabelled crop may be."""
    fits = {index(c) for c, (_, specs) in EUROPE.items() if shape(text) in {s.replace("|", "") for s in specs.split()}}
    return frozenset(fits) or EU
