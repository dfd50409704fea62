"""The twelve classes, and the words and respellings that the synthesisers are asked to say."""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


KEYWORDS = ("down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes")
SILENCE, UNKNOWN = 10, 11
LABELS = (*KEYWORDS, "_silence_", "_unknown_")

# The rest of Speech Commands' vocabulary, which is what its "unknown" is made of.
COMMANDS = _words(
    """
    backward bed bird cat dog eight five follow forward four happy house learn marvin nine one seven
    sheila six three tree two visual wow zero
    """
)

# Words within a sound or two of a keyword.
CONFUSABLE = _words(
    """
    gone goat ghost gold goal grow glow ago know note nose nope snow now known loft laugh lift lest let
    leff cleft light write ride white bright rice rat wrote lied yesterday yet yell guess chess less yep
    yeah mess upper cup pup app of often cough oft oaf on-air awn own want don darn town noun dawn brown
    done dumb round dome doubt stopping top step stuff stomp shop spot drop store up-to gopher gogh coat
    dough owe oh door nor north none nun ran rye riot wrong run red lefty leave love off-hand awful aunt
    an in un ton con john ron upon open oven us bus yes-man no-one notes goes going stops lefts rights
    downs ups
    """
)

# Other everyday words, short first because a command is short.
OTHER = _words(
    """
    a the and you that was for are with his they be at this have from or had by hot but some what there
    we can out other were all your when use how said each she which do their time if will way about many
    then them would like so these her long make thing see him has look more day could come did my sound
    most number who over water than call first people may side been find any new work part take get
    place made live where after back little only man year came show every good me give our under name
    very through just form much great think say help low line before turn cause same mean differ move
    boy old too does tell sentence set three want air well also play small end put home read hand port
    large spell add even land here must big high such act why ask men change went kind off-line need
    picture try again animal point mother world near build self earth father head stand page should
    country found answer school study still plant cover food sun start hello music lights volume louder
    quiet pause next previous alarm timer kitchen window table morning evening orange apple banana
    coffee sugar paper pencil doctor winter summer river mountain
    """
)

_EVERYTHING = dict.fromkeys((*COMMANDS, *CONFUSABLE, *OTHER))
UNKNOWN_WORDS = tuple(word for word in _EVERYTHING if word not in KEYWORDS)

# Of these, what sounds like a keyword in some accent, or has one whole in it: the teacher decides.
AMBIGUOUS = frozenset(_words("know write gogh awn on-air up-to off-hand off-line yes-man no-one"))

# The keywords as a voice of another language would have to be told to say them, in the order of
# KEYWORDS: an accent, spoken with real recorded sounds.
RESPELLED = {
    "italian": _words("daun go left no off on rait stop ap ies"),
    "italian2": _words("dàun gòu lèft nòu òf òn ràit stòp ap ièss"),
    "finnish": _words("daun gou left nou off on rait stop ap jes"),
    "czech": _words("daun gou left nou of on rajt stop ap jes"),
    "catalan": _words("daun gou left nou of on rait stop ap ies"),
    "russian": _words("даун гоу лефт ноу оф он райт стоп ап йес"),
}

# Other things for those voices to say: syllables that no keyword is made of, or half of one.
SYLLABLES = {
    "italian": _words(
        """
        ciao uno due tre quattro cinque sei sette otto nove dieci casa gatto luna sole mare pane acqua bene
        male grazie prego sera notte giorno lago lato rana rado dono goda stopo lefa nota noce onda upa ossa
        """
    ),
    "finnish": _words(
        """
        yksi kaksi kolme talo kissa koira vesi kala puu maa yö päivä ilta sauna hyvä kiitos joo ei nolla
        neljä viisi kuusi noppa loppu raita lehti taso jatka gorilla stoppari oppi alas ylös vasen oikea
        """
    ),
    "czech": _words(
        """
        jedna dva pět šest sedm osm devět deset dům kočka pes voda ano ne dobrý den noc ráno večer strom
        list lev rok rak dolů nahoru vlevo vpravo stůl okno nos most auto jablko noha gól stopa
        """
    ),
    "catalan": _words(
        """
        un dos tres quatre cinc sis set vuit nou deu casa gat lluna sol mar pa aigua bon dia nit gràcies
        esquerra dreta amunt avall gota nota stop estop rodona lleig
        """
    ),
    "russian": _words(
        """
        один два три четыре пять шесть семь восемь дом кошка вода да нет день ночь утро стол окно нос мост
        вверх вниз влево вправо рад лес год гора стоп-кран доктор нота
        """
    ),
}
