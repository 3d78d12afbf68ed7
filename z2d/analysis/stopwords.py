"""Words that say nothing about a subject: own short lists for common languages, and the guess where none fits.

Spoken language has fillers written lists lack ("gonna", "actually", "kind of"), so those stand here too. Contractions
are stop words in every language.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

_ENGLISH = """
a about above absolutely across actually after again against ago ah all almost along already also although always am
amazing among an and another any anybody anymore anyone anything anyway are aren around as ask asked asking at away
awesome back basically be became because become been before began behind being believe below best better between big
bit both bring but by call called came can cannot case cause certain certainly come comes coming cool correct could
couldn couple course crazy day days definitely did didn different do does doesn doing don done down dude during each
either else end enough especially etc even ever every everybody everyone everything exactly example far few fine first
five for four from front full fun further gave get gets getting give given gives go goes going gone gonna good got
gotta great guess guy guys had hadn half happen happened happens hard has hasn have haven having he hello hence her
here hers herself hey hi him himself his hmm how however huge hundred i idea if in include included includes including
indeed instead interesting into is isn it its itself just keep kept kind kinda kinds knew know known knows last later
least less let lets like likely literally little ll long longer look looked looking looks lot lots made main make
makes making many matter may maybe me mean means might mine minute minutes moment month more most mostly much multiple
must my myself near nearly need needs never new next nice no nobody none nor not nothing now number obviously of off
often oh ok okay old on once one ones only onto open or other others otherwise our ours ourselves out over own part
particular people per perfect perhaps person personally piece place please point possible pretty probably put question
questions quite rather re ready real really reason regarding relevant remember right said same saw say saying says
second seconds see seeing seem seemed seems seen self set seven several shall she should shouldn show side similar
simply since six small so some somebody somehow someone something sometimes somewhat somewhere soon sort sorts
specific start started starting starts still stop stuff such super sure take taken takes taking talk talked talking
tell ten than thank thanks that thats the their theirs them themselves then there therefore these they thing things
think thinking third this those though thought thousand three through time times to today together told too took
totally toward towards tried true try trying turn turned two type uh um under understand until up upon us use used
uses using usually various ve very via want wanted wants was wasn way ways we week weeks welcome well went were weren
what whatever when whenever where wherever whether which while who whoever whole whom whose why will with within
without won wonder word words work works would wouldn wow yeah year years yep yes yesterday yet you your yours
yourself yourselves
"""
_GERMAN = """
ab aber alle allem allen aller alles als also am an ander andere anderen anders auch auf aus bei beim beispiel bereits
bin bis bisschen bist bitte bzw da dabei dadurch dafür dagegen daher damit danach dann daran darauf daraus darf darum
das dass davon dazu dein deine dem den denen denn dennoch der deren des deshalb dessen die dies diese diesem diesen
dieser dieses doch dort du durch eben eher eigentlich ein eine einem einen einer eines einfach einige einmal er erst
erste ersten es etwa etwas euch euer eure fast für ganz ganze gar gegen genau geht gehen gerade gern gibt gut gute
guten hab habe haben halt hat hatte hatten hätte hier hin hinter ich ihm ihn ihnen ihr ihre ihrem ihren ihrer im immer
in ins ist ja jede jedem jeden jeder jedes jedoch jemand jene jetzt kann kannst kein keine keinen können könnte lassen
leicht letzte mal man manche manchmal mehr mein meine meinem meinen meiner meist mich mir mit muss müssen nach nachdem
natürlich neben nein nicht nichts noch nun nur ob oben oder oft ohne okay paar recht relativ richtig sagen sagt schon
sehr sein seine seinem seinen seiner seit selbst sich sie sind so sogar solche soll sollen sollte sondern sonst sowie
über überhaupt um und uns unser unsere unter viel viele vielleicht vom von vor wann war waren warum was weil weiter
welche welchem welchen welcher welches wenn wer werde werden wie wieder will wir wird wirklich wo wollen worden wurde
wurden während würde würden zu zum zur zwar zwei zwischen ähm äh
"""
_SPANISH = """
a acá ahí ahora al algo alguna algunas alguno algunos allí ante antes aquel aquella aquello aquí así aun aunque aún
bajo bastante bien bueno cada casi como con contra cosa cosas creo cual cuales cuando cuanto cuál cuándo cómo da dar
de debe decir del desde después dice dijo donde dos dónde durante e ejemplo el ella ellas ellos en entonces entre era
eran eres es esa esas ese eso esos esta estaba estamos estar estas este esto estos está están estás fue fueron gran ha
haber había hace hacen hacer hacia han has hasta hay he hemos hoy incluso ir la las le les lo los luego manera más me
mejor menos mi mientras mis mismo misma momento mucha muchas mucho muchos muy nada ni ningún no nos nosotros nuestra
nuestro o otra otras otro otros para parte pero poco podemos poder por porque pues puede pueden qué que quien quiere
quién se sea según ser será si sido siempre sin sino sobre solo son su sus sí sólo tal también tan tanto te tener
tenemos tengo ti tiempo tiene tienen toda todas todavía todo todos tres tu tus tú un una unas uno unos usted va vamos
van veces ver vez vosotros y ya yo él ésta éste
"""
_FRENCH = """
a ai ainsi alors apr après as au aucun aujourd aussi autre autres aux avaient avait avant avec avez avons ayant
beaucoup bien bon c car ce ceci cela celle celles celui cependant certain certains ces cet cette ceux chaque chez
chose choses comme comment d dans de depuis des deux dire dit dois doit donc dont du elle elles en encore enfin entre
es est et eu euh eux exemple faire fait faut fois font hui ici il ils j je jusqu l la le les leur leurs lors là ma
mais me mes mieux même mêmes moi moins mon monde n ne ni non nos notre nous on ont ou où par parce pas peu peut
peuvent peux plus plusieurs point pour pourquoi près puis qu quand que quel quelle quelles quelque quelques quels qui
quoi rien s sa sans se sera ses seulement si sinon soit sommes son sont sous sur t ta tant te tel telle tes toi ton
toujours tous tout toute toutes trop trois très tu un une va vais vers veut voici voilà vos votre vous vraiment vu y à
ça était étaient été être
"""
_ITALIAN = """
a abbiamo ad agli ai al alcuni alla alle allo allora altra altre altri altro anche ancora avere aveva avevano bene c
che chi ci cioè ciò col come con cosa cose così cui d da dagli dai dal dalla dalle dallo degli dei del della delle
dello dentro di dice dire dopo dove due durante e ecco ed era erano esempio essere fa far fare fatto fino forse fra
già gli ha hanno ho i il in infatti insomma invece io l la le lei li lo loro lui ma mai me meno mentre mi mia mio
molta molte molti molto ne nei nel nella nelle nello no noi non nostra nostro o ogni oggi ora ossia parte per perché
però più poco poi possiamo proprio può qua quale quali qualche quando quanto quasi quella quelle quelli quello questa
queste questi questo qui quindi sarà se sei sempre senza si sia siamo sono sopra sotto sta stata stato stesso su sua
subito sue sugli sui sul sulla sulle suo suoi tanto te ti tra tre troppo tu tutta tutte tutti tutto un una uno va vi
viene voi volta vostro è
"""
_PORTUGUESE = """
a acho agora ainda algo alguma algumas alguns além ao aos apenas aquela aquele aquilo aqui as assim até bem bom cada
coisa coisas com como da das de dela dele deles depois desde dessa desse desta deste dia disso do dois dos durante e
ela elas ele eles em então entre era eram essa essas esse esses esta estamos estar estas estava este estes está estão
eu exemplo falar faz fazer foi foram gente grande gostaria há isso isto já la lhe lo mais mas me mesma mesmo meu minha
muita muitas muito muitos na nada nas nem nessa nesse nesta neste no nos nossa nosso nunca não né nós o onde os ou
outra outras outro outros para parte pela pelas pelo pelos per pode podem podemos pois por porque pouco pra primeiro
qual quando quanto que quem quer se seja sem sempre ser será seu seus si sido sobre sou sua suas são só também tanto
te tem temos tempo tenho ter teve tinha toda todas todo todos tu tudo um uma umas uns vai vamos vem ver vez vezes você
vocês à às é
"""
_DUTCH = """
aan al alle alleen alles als altijd andere ben bent bij bijvoorbeeld daar daarom dan dat de deze die dit doen doet dus
echt een eens eerste eigenlijk elke en er erg even gaan gaat geen geweest gewoon goed haar had heb hebben hebt heeft
heel hem het hier hij hoe hun iets ik in is ja je jij jou jouw jullie kan kon kunnen maar maken meer meest men met mij
mijn moet moeten na naar natuurlijk nee niet niets nog nou nu of om omdat onder ons onze ook op over paar te tegen
toch toen tot tussen twee u uit uw van veel vervolgens voor waar waarom wanneer want waren was wat we weer weet wel
welke werd wie wij wil worden wordt zal ze zeer zei zelf zeggen zich zij zijn zo zoals zonder zou zouden
"""
_RUSSIAN = """
а ага без более больше большое будет будут бы бывает был была были было быть в вам вами вас ваш ваша ваше вашего ваши
вдруг ведь весь вещи вещь во во-вторых во-первых вообще вообщем вопрос вопросы вот времени время все всегда всего всем
всех всё вы где где-то говорили говорим говорит говорить говоря год года году да даже два действительно делает делать
деле дело для до должен должна должно должны допустим достаточно другие другой его ее ей ему если есть еще ещё ею её
же за здесь знаете знать значит и из или им именно иметь их к как как-то какая какая-то какие какие-то каким-то
каких-то какого-то какое-то какой какой-то каком какому какую-то когда конечно которая которого которое которой
которые который которых кстати кто кто-то лет ли либо лишь лучше мало между меньше меня мне много могу могут мое можем
может можете можно мой моя моё мы на наверно наверное над надо нам нами например нас наш наша нашего нашей нашем наши
нашим нашу не него нее ней некоторые нет ни нибудь никогда ним ними них ничего но ну нужно о об общем один одна однако
он она они оно опять от очень первую-то перед по поговорить под пожалуйста пока понимаете понимать понимаю понятно
после потом потому почему почти при про происходит просто раз раза разные разный разных раньше с сам самая самого
самое самые самый своего своей своим своими своих свой свою сделать себе себя сегодня сейчас скажем скажу сказал
сказать скорее случае со собственно совсем соответственно спасибо стало станет стать так такая также такие таким
такого такое такой такую там твой твоя те тебе тебя тем теперь то тогда того того-то тоже той только том тот три тут
ты у угу уж уже хорошо хотел хотела хотелось хоть хотя целом части часть чего чего-то чем через что что-то чтобы чуть
эта эти этим этих это этого этой этом этому этот эту я является
"""
# signs, not words: a Chinese or Japanese term that holds one of these is cut out of a phrase
_CHINESE = """
该 知 的 了 是 我 你 他 她 它 们 在 这 那 有 就 不 也 都 和 与 及 很 到 说 要 会 能 可 以 个 一 上 下 着
过 吗 呢 吧 啊 把 被 让 对 从 为 而 但 所 如 果 因 之 其 么 什 没 还 又 再 去 来 看 想 做 得 地 于 或 呀
嗯 哦 里 您 请 些 每 将 并 使 用 当 更 最 只 這 個 們 會 說 對 為 過 還 沒 麼 來 時 候 时 后 前 大 家 现
样 種 种
"""

_LISTS = {
    "en": _ENGLISH,
    "de": _GERMAN,
    "es": _SPANISH,
    "fr": _FRENCH,
    "it": _ITALIAN,
    "pt": _PORTUGUESE,
    "nl": _DUTCH,
    "ru": _RUSSIAN,
    "zh": _CHINESE,
}


def of_language(language: str) -> frozenset[str]:
    """The stop words of a language by its two-letter code; empty for a language without a list."""
    return frozenset(_LISTS.get(language, "").split())


def guess_language(tokens: Iterable[str]) -> str:
    """The listed language most of whose stop words these are; 'und' when none covers a fifth of the words."""
    counts = Counter(tokens)
    total = sum(counts.values())
    shares = {
        language: sum(counts[word] for word in of_language(language)) / (total or 1)
        for language in _LISTS
        if language != "zh"
    }
    best = max(shares, key=lambda language: shares[language])
    return best if shares[best] >= 0.2 else "und"


def by_frequency(blocks: list[list[str]]) -> frozenset[str]:
    """The stop words of an unknown language: short words that stand in many stretches of the text."""
    if len(blocks) < 8:
        return frozenset()
    seen = Counter(word for block in blocks for word in set(block))
    return frozenset(word for word, count in seen.items() if len(word) <= 6 and count >= 0.4 * len(blocks))
