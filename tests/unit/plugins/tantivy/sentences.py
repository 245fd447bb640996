"""A sentence in each language, and a word of a question that has another ending there."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sentence:
    """What is indexed, and what is asked."""

    passage: str
    asked: str
    """Found by its stem only."""
    exact: str
    """Stands in the passage."""


SENTENCES = {
    "ar": Sentence("تغادر العبارات من الميناء في الساعة التاسعة و تباع التذاكر على الرصيف", "ميناء", "الرصيف"),
    "da": Sentence("Færgerne forlader havnen klokken ni, og billetterne sælges på kajen.", "havn", "klokken"),
    "de": Sentence("Die Fähren verlassen den Hafen um neun Uhr, und die Karten gibt es am Kai.", "Fähre", "Karten"),
    "el": Sentence("Τα πλοία φεύγουν από το λιμάνι στις εννέα και τα εισιτήρια πωλούνται στην προβλήτα.", "λιμάνια", "εισιτήρια"),
    "en": Sentence("The ferries of the harbour leave at nine in the morning.", "harbours", "ferries"),
    "es": Sentence("Los barcos salen del puerto a las nueve y los billetes se venden en el muelle.", "barco", "billetes"),
    "fi": Sentence("Lautat lähtevät satamasta kello yhdeksän, ja liput ovat täällä, mutta ne ovat kalliita.", "satama", "liput"),
    "fr": Sentence("Les navires quittent le port à neuf heures et les billets sont vendus sur le quai.", "navire", "billets"),
    "hu": Sentence("A kompok kilenc órakor hagyják el a kikötőt, és a jegyek is ott vannak, de nem olcsók.", "kikötő", "jegyek"),
    "it": Sentence("Le navi partono dal porto alle nove e i biglietti si vendono sul molo.", "biglietto", "porto"),
    "nl": Sentence("De veerboten vertrekken om negen uit de haven en de kaartjes zijn op de kade te koop.", "veerboot", "kaartjes"),
    "no": Sentence("Fergene forlater havnen klokken ni, og billettene selges ikke på kaien.", "ferge", "klokken"),
    "pt": Sentence("Os navios saem do porto às nove e os bilhetes são vendidos no cais.", "navio", "bilhetes"),
    "ro": Sentence("Feriboturile pleacă din port la ora nouă și biletele se vând pe chei.", "bilet", "port"),
    "ru": Sentence("Паромы уходят из порта в девять часов, а билеты продаются на причале.", "паромов", "билеты"),
    "sv": Sentence("Färjorna lämnar hamnen klockan nio, och biljetterna kan du köpa på kajen om det är öppet.", "hamn", "klockan"),
    "ta": Sentence("படகுகள் துறைமுகத்தில் இருந்து காலை ஒன்பது மணிக்கு புறப்படும் மற்றும் இது ஒரு நல்ல வழி", "துறைமுகம்", "காலை"),
    "tr": Sentence("Feribotlar saat dokuzda limandan ayrılır ve biletler bir gişede satılır.", "liman", "gişede"),
}  # fmt: skip
