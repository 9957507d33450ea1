"""Words in capitals: spelled, read as a word, or merely shouted."""

import re

from timbre_bridge.text.language import listed

_VOWELS = frozenset("AEIOUY")
_ONSETS = frozenset(
    listed(
        "BL BR CH CL CR DR FL FR GL GR GN KN PH PL PR PS QU SC SH SK SL SM SN SP ST SW TH TR TW VR WH WR STR SPR SCR"
        " SPL CHR THR"
    )
)
_CODAS = frozenset(
    listed(
        "NT ND RT RD RS RN RM RK RC RL LS LT LD LL LM LF LP LK NS NC NG NK MP MS CT CK CH SH SS ST SP SK TH TT TS PT PS"
        " FF FT"
        " KS GH GN GS DS RTS NTS STE MPS NDS RDS LTS NGS CKS RST NCH RCH TCH GHT RTH NTH WN WS"
    )
)
_SHOUTED = frozenset(
    listed(
        "LE LA UN DU DE ET OU JE TU IL ON NE SI EN AU ÇA VA OH AH EH NO GO SO WE HE ME MY BE BY DO IF IN IS OF OR TO UP"
        " AM AN"
        " AS AT HI"
    )
)
SPELLED = frozenset(
    listed(
        "API IDE IOT USA CEO CTO CIA ADN EDF RER VIP UFO URI TVA PIB IRM ONG OGM SAV UUID AWS UI UX ID IP IO OS AGI"
        " ETA DIY AOC"
        " EU UE AI IA CAO PAO IUT VAE EAN ISO USB URL GPU CPU TPU NPU SSD RFC SDK GUI CLI PDF ABS SUV ULM UHF RSA"
        " SOS"
    )
)
READ = {
    **{name: name.capitalize() for name in (
        "NASA", "OTAN", "NATO", "ONU", "UNESCO", "UNICEF", "RAM", "ROM", "LORA", "CAPTCHA", "COVID", "SIDA", "LASER",
        "RADAR", "SMIC", "FIFA", "UEFA", "OPEP", "OVNI", "JPEG", "JSON", "YAML", "BIOS", "NAS", "LAN", "WAN", "GIF",
        "SIM", "PIN", "WIFI", "CRUD", "REST", "SAAS", "OLED", "LED", "IKEA", "FNAC", "ASAP", "DRAM", "SRAM", "CUDA",
    )},
    "LoRA": "Lora",
    "OK": "OK",
}  # fmt: skip
"""Acronyms that are words, and how they are written so that an engine reads them as such."""

_PARTS = re.compile("[0-9]+|[^0-9]+")


def is_pronounceable(word: str) -> bool:
    """Whether a row of capitals could be a word: a vowel, and no beginning or end that no word has."""
    clusters = re.split(r"[AEIOUYÀ-ÖØ-Ý]+", word)
    if len(clusters) == 1 and not _VOWELS & set(word):
        return False
    first, last = clusters[0], clusters[-1]
    return (len(first) < 2 or first in _ONSETS) and (len(last) < 2 or last in _CODAS)


def speak_capitals(word: str) -> str:
    """A word of two capitals or more: spelled, or in lower case where it is only loud."""
    if word in READ:
        return READ[word]
    if word in _SHOUTED or not word.isascii():
        return word.lower()
    if word in SPELLED or len(word) == 2 or not is_pronounceable(word):
        return spell(word)
    return word.lower()


def spell(word: str) -> str:
    """Letter by letter: with hyphens espeak-ng and Qwen3-TTS name each one; alone, an A would be an article."""
    return "-".join(word.upper())


def parts(word: str) -> list[str]:
    """A word that holds digits, such as MP3, in its rows of letters and of digits."""
    return _PARTS.findall(word)
