"""French words that change how a number beside them is said."""

import re

from timbre_bridge.text import numbers
from timbre_bridge.text.language import listed

MONTHS = listed("janvier février mars avril mai juin juillet août septembre octobre novembre décembre")
FEMININE = listed(
    "année années application applications bouteille bouteilles caméra chanson chansons chose choses clé clés couleur"
    " couleurs cuillère cuillères demande demandes erreur erreurs étape étapes étoile étoiles feuille feuilles fille"
    " filles fois heure heures histoire histoires idée idées image images journée journées lampe lampes lettre lettres"
    " ligne lignes livre livres minute minutes page pages partie parties personne personnes pièce pièces place places"
    " porte portes question questions règle règles raison raisons seconde secondes semaine semaines tasse tasses tonne"
    " tonnes tranche tranches version versions voiture voitures voix"
)
"""What is often counted and feminine: "vingt et une pages"."""

_KINGS = frozenset(
    listed(
        "Louis Henri Charles François Napoléon Philippe Jean Paul Benoît Pie Léon Grégoire Clément Urbain Richard"
        " Édouard"
        " George Georges Guillaume Frédéric Ramsès Ptolémée Albert Léopold Alexandre Nicolas Jacques Pierre Catherine"
        " Élisabeth Elizabeth Rocky"
    )
)
_COUNTED = frozenset(listed("chapitre tome acte scène livre partie volume annexe type phase titre article section"))


def roman(before: str, word: str) -> str | None:
    """A Roman numeral: of a century, a king, a chapter."""
    match = re.fullmatch(r"([IVXLC]{2,}|[VX])(?:e|ème|es)", word)
    value = numbers.from_roman(match[1]) if match else None
    if value:
        return numbers.words(value, "fr", "ordinal")
    if word in ("Ier", "Ire", "Ière"):
        return "premier" if word == "Ier" else "première"
    value = numbers.from_roman(word) if len(word) > 1 or word in "VX" else None
    if value and (before in _KINGS or before.lower() in _COUNTED):
        return numbers.words(value, "fr")
    return None
