"""What people say to the shop assistant that is about no product and no order: small talk, other languages, slips of the finger.

It is a script, and says so: an answer that pretends to have understood would be the worst of all.
"""

import re

TRY = (
    "- _find me a desk lamp_\n"
    "- _what is the status of ORD-1042?_\n"
    "- _order 2 Desk Lamp Arc for ada@example.com_, and then _make that three_"
)
SELF = "I am a script in this demo, and no language model: I know a few plain English sentences about the shop."
NO_TALK = f"{SELF} Try:\n\n{TRY}"
FOREIGN = {
    "de": "Ich bin ein Skript in dieser Demo und kein Sprachmodell: Ich verstehe nur einfaches Englisch. Versuchen Sie:",
    "fr": "Je suis un script de cette démo, pas un modèle de langue : je ne comprends que l'anglais simple. Essayez :",
    "es": "Soy un script de esta demo, no un modelo de lenguaje: solo entiendo inglés sencillo. Pruebe:",
    "it": "Sono uno script di questa demo, non un modello linguistico: capisco solo l'inglese semplice. Provi:",
    "pt": "Sou um script desta demo, não um modelo de linguagem: só entendo inglês simples. Experimente:",
    "nl": "Ik ben een script in deze demo en geen taalmodel: ik begrijp alleen eenvoudig Engels. Probeer:",
}
# Words that are common in one language and no words of the others here, nor of English.
_COMMON = {
    "de": "der das und ist nicht ich wir bitte für mit ein eine einen wie viel kostet bestelle bestellen haben gibt es mir was "
    "wo kannst du sie auf deutsch brauche brauchen möchte möchten schicke meine meiner bestellung status lampe lampen",
    "fr": "le la les des et est je nous vous s'il plaît pour avec une un combien coûte commander commandez avez quel quelle où "
    "ma mon commande voudrais pouvez bonjour français lampe lampes de",
    "es": "el los las y es por favor para con una un cuánto cuesta pedir pida tienen qué dónde está mi pedido quiero puedes "
    "necesito español lámpara lámparas de",
    "it": "il gli le e è per favore con una un quanto costa ordina ordinare avete che dove mio ordine vorrei puoi italiano "
    "lampada lampade di",
    "pt": "o os as e é por favor para com uma um quanto custa encomendar têm que onde está meu pedido quero pode preciso "
    "português lâmpada de",
    "nl": "het een en is niet ik wij alstublieft voor met hoeveel kost bestel bestellen hebben jullie wat waar mijn bestelling "
    "wil graag kun je lampen nederlands",
}
_TELLING = {  # one of these is enough
    "de": "danke hallo guten tschüss tschüß servus bestelle",
    "fr": "merci bonjour bonsoir salut commandez",
    "es": "gracias hola buenos adiós pida",
    "it": "grazie ciao buongiorno ordina",
    "pt": "obrigado obrigada olá bom",
    "nl": "bedankt hoi dank goedemorgen",
}
COMMON = {language: frozenset(words.split()) for language, words in _COMMON.items()}
TELLING = {language: frozenset(words.split()) for language, words in _TELLING.items()}
_ENGLISH = "the and is are for with please order what where how many of to my me it can you i we need status find"
ENGLISH = frozenset(_ENGLISH.split())
MOST_WORDS = 40  # of a text whose language is asked for: a long one is somebody's, pasted

# Slips in the words that decide what a text asks for.
KEYWORDS = ("order", "status", "find", "search", "please", "cancel", "continue", "thanks", "where")
_SLIPPED = re.compile(r"(?<![\w@.-])[a-z]{4,9}(?![\w@.-])", re.IGNORECASE)
_OFF_TOPIC = (
    r"jokes?|weather|poems?|songs?|news|football|meaning\s+of\s+life|president|capital\s+of|what\s+time|what\s+day|system\s+prompt|"
    r"ignore\s+(?:all|your|previous)"
)
_CHAT = (
    r"funny|lol|(?:ha){2,}h?|how\s+are\s+you|how's\s+it\s+going|what's\s+up|who\s+made\s+you|love\s+you|marry|sing|stor(?:y|ies)|"
    r"sports?|bye|goodbye|good\s+night|see\s+you|test(?:ing)?|ping|hm+|wow|cool|really|why|stupid|idiot|fuck\w*|shit|sorry|translate|"
    r"python|javascript|code|write|tell|explain|think|opinion|instructions"
)
OFF_TOPIC = re.compile(rf"\b(?:{_OFF_TOPIC})\b", re.IGNORECASE)  # however it is asked
SMALL_TALK = re.compile(rf"\b(?:{_OFF_TOPIC}|{_CHAT})\b", re.IGNORECASE)  # where nothing of the shop was understood


def language_of(text: str) -> str:
    """Return the language that a text is in: a key of FOREIGN, "other" for one of another script, "" for English or none."""
    letters = [letter for letter in text if letter.isalpha()]
    if letters and sum(letter > "\u024f" for letter in letters) * 2 > len(letters):
        return "other"
    words = re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)?", re.sub(r"\S+@\S+", " ", text).lower())[:MOST_WORDS]
    english = sum(word in ENGLISH for word in words)
    hits = {
        language: sum(word in COMMON[language] for word in words) + 2 * sum(word in TELLING[language] for word in words)
        for language in FOREIGN
    }
    best = max(hits, key=lambda language: hits[language])
    return best if hits[best] >= 2 and hits[best] > english else ""


def in_language(language: str) -> str:
    """Return what the script is, in the language that it was spoken to in."""
    return f"{FOREIGN[language]}\n\n{TRY}" if language in FOREIGN else NO_TALK


def mended(text: str) -> str:
    """Return a text with slips of the finger in its keywords undone: `ordr`, `staus`, `serach`."""
    return _SLIPPED.sub(lambda word: _keyword(word[0].lower()) or word[0], text)


def _keyword(word: str) -> str:
    return next((one for one in KEYWORDS if word != one and word[0] == one[0] and _one_slip(word, one)), "")


def _one_slip(word: str, meant: str) -> bool:
    """Return whether one letter is missing, too many, another one, or two have changed places."""
    if len(word) == len(meant):
        differing = [at for at in range(len(word)) if word[at] != meant[at]]
        if len(differing) == 2 and differing[1] == differing[0] + 1:
            one, other = differing
            return (word[one], word[other]) == (meant[other], meant[one])
        return len(differing) == 1
    short, long = sorted((word, meant), key=len)
    return len(long) == len(short) + 1 and any(long[:at] + long[at + 1 :] == short for at in range(len(long)))
