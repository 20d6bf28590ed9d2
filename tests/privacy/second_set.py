"""A second authored test set for loopbook.privacy, written before the rules that it tests.

What is to be found stands between ⟦ and ⟧, with its kind before it; everything else is none. All of it is made up here:
keys are put together from a beginning and seeded letters, so that no text of this file has the form of a key, and
identity numbers are random digits with the check digits of their standard.
"""

import base64
import random
import string

from stdnum.br import cpf
from stdnum.cn import ric
from stdnum.dk import cpr
from stdnum.es import dni
from stdnum.fr import nir
from stdnum.gb import nhs
from stdnum.in_ import aadhaar
from stdnum.it import codicefiscale
from stdnum.nl import bsn
from stdnum.se import personnummer

_CHANCE = random.Random(20260)
ALPHANUMERIC, HEX, LOWER = string.ascii_letters + string.digits, "0123456789abcdef", string.ascii_lowercase
UPPER = string.ascii_uppercase + string.digits


def letters(count: int, alphabet: str = ALPHANUMERIC) -> str:
    """Return seeded random letters, no key of anybody."""
    return "".join(_CHANCE.choices(alphabet, k=count))


def key(*beginning: str, count: int = 36, alphabet: str = ALPHANUMERIC) -> str:
    """Return a made-up key: its beginning, in pieces, and random letters."""
    return "".join(beginning) + letters(count, alphabet)


def part(text: str) -> str:
    """Return a part of a token: base64 for addresses, without its filling."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def token() -> str:
    """Return a made-up JSON Web Token."""
    return ".".join((part('{"alg":"HS256","typ":"JWT"}'), part('{"sub":"12345","admin":true}'), letters(43)))


def pem(name: str, gap: str = "\n") -> str:
    """Return a made-up private key in PEM form."""
    dashes = "-" * 5
    body = gap.join(letters(64) for _ in range(4))
    return gap.join((f"{dashes}BEGIN {name}{dashes}", body, f"{dashes}END {name}{dashes}"))


def digits(count: int, first: str = "123456789") -> str:
    """Return random digits; the first is none of 0."""
    return _CHANCE.choice(first) + letters(count - 1, string.digits)


def chinese() -> str:
    """Return a made-up resident identity number with its check digit."""
    number = "110101" + "19870314" + digits(3)
    return number + ric.calc_check_digit(number + "0")


def indian(gap: str = " ") -> str:
    """Return a made-up Aadhaar number that is valid by its Verhoeff digit, in groups of four."""
    while not aadhaar.is_valid(number := digits(12, "23456789")):
        pass
    return gap.join((number[:4], number[4:8], number[8:]))


def brazilian(form: str = "{}.{}.{}-{}") -> str:
    """Return a made-up CPF with both check digits."""
    while not cpf.is_valid(number := digits(11)):
        pass
    return form.format(number[:3], number[3:6], number[6:9], number[9:])


def british(gap: str = " ") -> str:
    """Return a made-up NHS number with its check digit."""
    while not nhs.is_valid(number := digits(10, "4567")):
        pass
    return gap.join((number[:3], number[3:6], number[6:]))


def spanish(gap: str = "") -> str:
    """Return a made-up DNI with its letter."""
    number = digits(8)
    return number + gap + dni.calc_check_digit(number)


def valid(module: object, length: int, first: str = "123456789") -> str:
    """Return random digits that a standard calls valid."""
    while not module.is_valid(number := digits(length, first)):  # type: ignore[attr-defined]
        pass
    return number


def french() -> str:
    """Return a made-up number of the French social security with its two check digits."""
    number = "2850375115" + digits(3)
    return number + nir.calc_check_digits(number)


def italian() -> str:
    """Return a made-up Italian fiscal code with its check letter."""
    number = "RSSMRA85T10A" + digits(3)
    return number + codicefiscale.calc_check_digit(number)


def dated(module: object, date: str) -> str:
    """Return a birth date with serial digits that a standard calls valid."""
    while not module.is_valid(number := date + digits(4)):  # type: ignore[attr-defined]
        pass
    return f"{date}-{number[-4:]}"


SECRETS = (
    f"export AWS_ACCESS_KEY_ID=⟦{key('AK', 'IA', count=16, alphabet=UPPER)}⟧",
    f"the access key {{⟦{key('AS', 'IA', count=16, alphabet=UPPER)}⟧}} was in the log",
    f"aws_secret_access_key = ⟦{letters(40)}⟧",
    f"git clone failed with ⟦{key('gh', 'p_')}⟧ again",
    f"token ⟦{key('gh', 'o_')}⟧, please revoke",
    f"I pasted ⟦{key('github', '_pat_', count=22)}_{letters(59)}⟧ into the ticket",
    f"CI uses ⟦{key('gl', 'pat-', count=20)}⟧.",
    f"bot: ⟦{key('xo', 'xb-', count=12, alphabet=string.digits)}-{letters(12, string.digits)}-{letters(24)}⟧",
    f"hook ⟦https://hooks.{'slack'}.com/services/T{letters(8, UPPER)}/B{letters(8, UPPER)}/{letters(24)}⟧ still works",
    f"maps ⟦{key('AI', 'za', count=35)}⟧ has no limit",
    f"oauth ⟦{key('GOC', 'SPX-', count=28)}⟧",
    f"Bearer ⟦{key('ya', '29.', count=60)}⟧ expired",
    f"we charged with ⟦{key('sk', '_live_', count=24)}⟧ by mistake",
    f"restricted: ⟦{key('rk', '_test_', count=24)}⟧",
    f"webhook ⟦{key('wh', 'sec_', count=32)}⟧",
    f"OpenAI said ⟦{key('s', 'k-', 'proj-', count=48)}⟧ is over quota",
    f"my key is ⟦{key('s', 'k-', count=48)}⟧",
    f"claude with ⟦{key('s', 'k-ant-', 'api03-', count=80)}⟧",
    f"huggingface-cli login ⟦{key('h', 'f_', count=34, alphabet=string.ascii_letters)}⟧",
    f"npm publish with ⟦{key('np', 'm_')}⟧ worked",
    f"upload to the index: ⟦{key('py', 'pi-', 'AgEIcHlwaS5vcmc', count=80)}⟧",
    f"mail by ⟦{key('S', 'G.', count=22)}.{letters(43)}⟧ bounced",
    f"sms through ⟦{key('S', 'K', count=32, alphabet=HEX)}⟧",
    f"mailgun ⟦{key('ke', 'y-', count=32, alphabet=HEX)}⟧",
    f"telegram bot ⟦{digits(9)}:{key('A', 'A', count=33)}⟧ is ours",
    f"droplet made with ⟦{key('do', 'p_v1_', count=64, alphabet=HEX)}⟧",
    f"shop token ⟦{key('shp', 'at_', count=32, alphabet=HEX)}⟧",
    f"cluster ⟦{key('da', 'pi', count=32, alphabet=HEX)}⟧ down?",
    f"vault gave ⟦{key('hv', 's.', count=90)}⟧",
    f"grafana ⟦{key('gl', 'sa_', count=32)}_{letters(8, HEX)}⟧",
    f"DefaultEndpointsProtocol=https;AccountName=shop;AccountKey=⟦{letters(86)}==⟧;EndpointSuffix=x",
    f"the session was ⟦{token()}⟧ until noon",
    f"Authorization: Bearer ⟦{token()}⟧",
    f"Authorization: Basic ⟦{base64.b64encode(b'jane:hunter22').decode()}⟧",
    f"he mailed me ⟦{pem('RSA PRIVATE KEY')}⟧ in plain",
    f"key: ⟦{pem('PRIVATE KEY', ' ')}⟧ thanks",
    f"⟦{pem('OPENSSH PRIVATE KEY')}⟧",
    f"⟦{pem('PGP PRIVATE KEY BLOCK', ' ')}⟧",
    f"-> ⟦{pem('EC PRIVATE KEY').rpartition('-----END')[0].strip()}⟧",
    "login is admin, password=⟦Sommer2024!⟧",
    "password: ⟦hunter22⟧ and it let me in",
    "Password : ⟦Tr0ub4dor&3⟧",
    'PGPASSWORD="⟦correct horse battery⟧" psql',
    "DB_PASSWORD='⟦x7#kkQ!p⟧'",
    '{"user": "jane", "password": "⟦qwertz123⟧"}',
    "pwd=⟦letmein1⟧;server=db1",
    "passwd=⟦abc12345⟧",
    "My password is ⟦Blue-Tiger-42⟧, please reset it",
    "Passwort: ⟦Kaffee99⟧",
    "mein Kennwort lautet ⟦Winter_77⟧",
    "contraseña: ⟦Perro2020⟧",
    "senha: ⟦flamengo10⟧",
    "mot de passe : ⟦Soleil77!⟧",
    "密码：⟦woaini520⟧",
    "パスワード: ⟦sakura2021⟧",
    f"api_key={letters(0)}⟦{letters(32, HEX)}⟧",
    f"X-API-Key: ⟦{letters(32)}⟧",
    f"client_secret: ⟦{letters(40)}⟧",
    f'"access_token": "⟦{letters(40)}⟧"',
    f"SECRET_KEY = '⟦{letters(50)}⟧'",
    "postgres://shop:⟦s3cretpw⟧@db.example.com:5432/shop refused us",
    "see https://jane:⟦pa55word⟧@intranet.example.org/wiki",
    "redis://:⟦p4ssw0rd⟧@cache.example.com:6379",
    f"amqp://bot:⟦{letters(20)}⟧@queue.example.net",
)

IDENTITIES = (
    f"身份证号 ⟦{chinese()}⟧，请核对",
    f"my Chinese id is ⟦{chinese()}⟧",
    f"⟦{chinese()}⟧",
    f"ID card ⟦{chinese()}⟧ attached",
    f"Aadhaar ⟦{indian()}⟧ not linked",
    f"my aadhar no is ⟦{indian('')}⟧",
    f"KYC with ⟦{indian('-')}⟧ failed, aadhaar card attached",
    f"आधार ⟦{indian()}⟧",
    "PAN ⟦ABCPK1234L⟧ was rejected",
    "pan card no. ⟦BNZPM2501F⟧",
    f"CPF ⟦{brazilian()}⟧",
    f"meu cpf é ⟦{brazilian()}⟧, obrigado",
    f"cpf: ⟦{brazilian('{}{}{}{}')}⟧",
    f"cliente ⟦{brazilian()}⟧ reclamou",
    f"NHS number ⟦{british()}⟧",
    f"nhs no: ⟦{british('')}⟧ seen today",
    f"patient ⟦{british()}⟧ (NHS)",
    "NI number ⟦AB 12 34 56 C⟧",
    "national insurance ⟦JG103759A⟧ please update",
    "NINO: ⟦PW 61 02 77 D⟧",
    f"DNI ⟦{spanish()}⟧",
    f"mi DNI es ⟦{spanish('-')}⟧",
    f"con documento ⟦{spanish()}⟧ y pasaporte",
    f"NIF: ⟦{spanish(' ')}⟧",
    f"NIE ⟦X1234567{dni.calc_check_digit('01234567')}⟧",
    f"NIE: ⟦Y7654321{dni.calc_check_digit('17654321')}⟧, gracias",
    "SSN ⟦536-22-8145⟧ on the form",
    "my social security number is ⟦212-09-7694⟧",
    "social: ⟦471-33-0982⟧",
    f"sécu ⟦{french()}⟧",
    f"numéro de sécurité sociale : ⟦{french()}⟧",
    f"codice fiscale ⟦{italian()}⟧",
    f"il mio cf ⟦{italian()}⟧ è giusto",
    f"BSN ⟦{valid(bsn, 9)}⟧",
    f"burgerservicenummer: ⟦{valid(bsn, 9)}⟧",
    f"CPR ⟦{dated(cpr, '140387')}⟧",
    f"personnummer ⟦{dated(personnummer, '870314')}⟧",
    f"my personal identity number is ⟦{dated(personnummer, '910525')}⟧",
)

PHONES = (
    ("IN", "call me on ⟦98765 43210⟧"),
    ("IN", "my no. ⟦9876543210⟧ is off"),
    ("IN", "⟦91234 56789⟧ is the agent"),
    ("IN", "whatsapp ⟦8123456789⟧"),
    ("IN", "office ⟦022 2278 1234⟧"),
    ("BR", "ligue ⟦(11) 98765-4321⟧"),
    ("BR", "meu zap ⟦11 98765-4321⟧"),
    ("BR", "fixo ⟦(21) 2345-6789⟧"),
    ("BR", "⟦21987654321⟧ é meu"),
    ("CN", "我的手机 ⟦13812345678⟧"),
    ("CN", "打 ⟦138 1234 5678⟧ 给我"),
    ("CN", "⟦159-0000-1234⟧ no answer"),
    ("CN", "座机 ⟦010-62345678⟧"),
    ("ES", "llámame al ⟦612 34 56 78⟧"),
    ("ES", "mi móvil ⟦612345678⟧"),
    ("ES", "fijo ⟦91 234 56 78⟧"),
    ("GB", "ring ⟦07400 123456⟧ after six"),
    ("GB", "⟦07400123456⟧ keeps calling"),
    ("DE", "Handy ⟦0151 23456789⟧"),
    ("DE", "⟦015123456789⟧ geht nicht"),
    ("US", "⟦(415) 555-2671⟧ is hers"),
    ("US", "⟦4155552671⟧ text me"),
    ("AU", "mob ⟦0412 345 678⟧"),
    ("MX", "marca al ⟦55 1234 5678⟧"),
    ("JP", "電話 ⟦090-1234-5678⟧"),
)

MAILS = (
    "⟦jane at example dot com⟧",
    "write to ⟦jane at example dot com⟧ please",
    "you can reach ⟦peter.miller at example dot org⟧",
    "⟦info at shop dot example dot com⟧ never answers",
    "my mail: ⟦j_doe77 at example dot net⟧",
    "it is ⟦support at example dot co dot uk⟧",
    "⟦jane dot doe at example dot com⟧ is mine",
    "send it to ⟦maria at example dot de⟧!",
    "mail ⟦lee99 (at) example (dot) com⟧",
    "⟦Jane At Example Dot Com⟧",
    "ask ⟦hr at firma dot de⟧ first",
    "contact ⟦anna at example.com⟧ by email",
)

TRICKS = (
    ("mail", "⟦ｊａｎｅ＠ｅｘａｍｐｌｅ．ｃｏｍ⟧"),
    ("mail", "mail ⟦jane＠example.com⟧ now"),
    ("mail", "⟦ja\u200bne@exam\u200bple.com⟧ with breaks"),
    ("mail", "⟦jane\u200d@\u2060example.com⟧"),
    ("mail", "⟦jane@exam\u00adple.com⟧ soft"),
    ("mail", "⟦j\ufeffane@example.org⟧"),
    ("phone", "call ⟦＋１　２０２－５５５－０１４３⟧"),
    ("phone", "⟦+1\u200b202\u200b555\u200b0143⟧"),
    ("phone", "⟦+49 30 2\u200c3125 123⟧"),
    ("phone", "ring ⟦+44\u202f20\u202f7946\u202f0958⟧"),
    ("phone", "tel ⟦+33\u20111\u201199\u201100\u201112\u201134⟧"),
    ("card", "⟦４１１１ １１１１ １１１１ １１１１⟧"),
    ("card", "card ⟦4111\u200b1111\u200b1111\u200b1111⟧"),
    ("card", "⟦4111\u20111111\u20111111\u20111111⟧"),
    ("iban", "⟦ＤＥ８９ ３７０４ ００４４ ０５３２ ０１３０ ００⟧"),
    ("iban", "⟦DE89\u200b370400440532013000⟧"),
    ("ip", "from ⟦１９２．０．２．１⟧"),
    ("secret", "ｐａｓｓｗｏｒｄ＝⟦ｈｕｎｔｅｒ２２⟧"),
    ("secret", f"⟦{key('gh', 'p_', count=18)}\u200b{letters(18)}⟧"),
    ("id", f"CPF ⟦{brazilian().translate({ord(str(n)): chr(0xFF10 + n) for n in range(10)})}⟧"),
)

MACS = (
    "device ⟦3c:22:fb:9a:01:7e⟧ is offline",
    "MAC ⟦3C-22-FB-9A-01-7E⟧",
    "⟦00:1b:44:11:3a:b7⟧",
    "arp says ⟦001b.4411.3ab7⟧",
    "wlan0 ⟦A4:83:E7:2C:10:0F⟧, eth0 ⟦a4:83:e7:2c:10:10⟧",
    "my phone's address (⟦f0:18:98:aa:bb:cc⟧)",
    "mac address: ⟦00:11:22:33:44:55⟧",
    "router=⟦e8-94-f6-01-02-03⟧;",
    "⟦DC:A6:32:00:1F:9B⟧ dropped 40 packets",
    "mac=⟦b8:27:eb:45:67:89⟧",
)

BIRTHS = (
    "date of birth: ⟦14.03.1987⟧",
    "DOB ⟦03/14/1987⟧",
    "dob=⟦1987-03-14⟧",
    "D.O.B.: ⟦14/03/87⟧",
    "I was born on ⟦14 March 1987⟧ in Leeds",
    "born ⟦March 14, 1987⟧",
    "born on the ⟦14th of March 1987⟧",
    "my birthday is ⟦14 March 1987⟧",
    "birthdate ⟦14-Mar-1987⟧",
    "birth date (⟦14.3.1987⟧)",
    "geboren am ⟦14. März 1987⟧",
    "geb. ⟦14.03.1987⟧",
    "Geburtsdatum: ⟦14.03.1987⟧",
    "né le ⟦14/03/1987⟧ à Lyon",
    "née le ⟦14 mars 1987⟧",
    "date de naissance : ⟦14/03/1987⟧",
    "fecha de nacimiento: ⟦14/03/1987⟧",
    "nací el ⟦14 de marzo de 1987⟧",
    "nascido em ⟦14/03/1987⟧",
    "data de nascimento ⟦14/03/1987⟧",
    "data di nascita: ⟦14/03/1987⟧",
    "nata il ⟦14 marzo 1987⟧",
    "geboortedatum ⟦14-03-1987⟧",
    "出生日期：⟦1987年3月14日⟧",
    "生年月日 ⟦1987/03/14⟧",
)

NONE = (
    # about secrets, and what only looks like one
    "I forgot my password again",
    "password: see the manual",
    "Password = ********",
    "password=<your password>",
    "password=${DB_PASSWORD}",
    "password = os.environ['DB_PASSWORD']",
    "the password is wrong",
    "password is required",
    "Password: optional",
    "my password is not accepted any more",
    "password=None",
    "pwd: command not found",
    "the secret: be kind to strangers",
    "the token is invalid",
    "token: expired",
    "api key: see settings",
    "our secret is the sauce",
    "a secret garden, a token of love",
    "reset password: click the link",
    "passwordless login works",
    "password reset: 3 attempts left",
    "Bearer of bad news",
    "basic authorization failed twice",
    "sk-8 skates and a gh-pages branch",
    "pip install hf_transfer",
    "commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
    "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    f"-----BEGIN CERTIFICATE----- {'MIIB' + 'A' * 40} -----END CERTIFICATE-----",
    f"-----BEGIN PUBLIC KEY----- {'MIIB' + 'A' * 40} -----END PUBLIC KEY-----",
    "eyJ is how such tokens begin",
    "https://example.com/path@2x.png",
    "http://example.com:8080/login",
    "ssh git@code.example.com:team/app.git",
    "AKIA is a prefix",
    "uuid 123e4567-e89b-12d3-a456-426614174000",
    f"publishable {'pk' + '_live_'}… is public",
    "the key-value store lost a key",
    "max_tokens=4096, tokens: 512",
    "tokens = 128000",
    "secretary: Ms Brandt",
    "the password policy: at least 12 characters",
    "passphrase: five words or more",
    "Mot de passe oublié ?",
    "Passwort vergessen: hier klicken",
    "password: [SECRET]",
    # numbers that are nobody's
    "order 536228145 shipped",
    "invoice 2234-5678-9012",
    "part 123.456.789",
    "v1.2.3 build 110101198703141234",
    "tracking 1Z999AA10123456784",
    "9876543210 rows were read",
    "population 1,380,004,385",
    "ISBN 978-3-16-148410-0",
    "order no 9876543210",
    "since 1987-03-14 we trade",
    "chapters 536-22",
    "the score was 12-34-56",
    "PIN code 560001",
    "DNI is a Spanish document",
    "the CPF must have 11 digits",
    "NHS waiting list: 7 600 000",
    "article ABCDE1234F of the catalogue",
    "SSN missing",
    "SSN 000-12-3456 is a placeholder",
    "Aadhaar 1234 5678 9012",
    "CPF 123.456.789-00",
    "CPF 111.111.111-11",
    "DNI 12345678A",
    "flight AB 12 34 leaves at 56",
    "serial AB123456C",
    "model X1234567L",
    "ticket 471-33-0982",
    "tax of 123 456 789 euros",
    "bsn 123456789",
    "身份证号 110101198713141234",
    "personnummer saknas",
    "lottery 04 11 23 34 42 49",
    "call 12345",
    "in 1998 76543 people came",
    "EUR 98765 43210",
    "ratio 138:1234",
    "at 13:81 the line fell",
    # at and dot
    "look at example dot com",
    "available at amazon dot com",
    "I bought it at example dot com",
    "meet us at the dot com office",
    "we laughed at dot com stocks",
    "see you at noon. dot your is",
    "at point a dot b the line bends",
    "order at shop.example.com today",
    "sold at 12 dot 50",
    "shop online at store dot example dot com",
    "complained at length about dot matrix printers",
    "more at news dot com",
    # times, fingerprints, lists
    "at 12:34:56 it stopped",
    "01-02-03-04-05-06 won the lottery",
    "ff:ff:ff:ff:ff:ff is broadcast",
    "00:00:00:00:00:00",
    "SHA1 AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01",
    "2001-02-03 04:05:06",
    "ratio 1:2:3:4:5:6",
    "0:12:34:56:78",
    "dead.beef is no address",
    # dates of nobody's birth
    "ordered on 14.03.1987",
    "founded 14 March 1987",
    "born in 1987",
    "born to run",
    "birthday sale until 14.03.2026",
    "the baby was born at 14:03",
    "née Miller",
    "geb. Müller, Berlin",
    "delivery date: 14.03.2026",
    "airborne on 14 March 1987",
    "a newborn star",
    "stubborn: 14.03.2026",
    "birth certificate requested on 14.03.2026",
    "nata de coco, 14 stück",
    "date of birth: unknown",
    "dob missing",
    "出生日期：不明",
)

CASES: tuple[tuple[str, tuple[str, ...], str], ...] = (
    *(("secret", (), text) for text in SECRETS),
    *(("id", (), text) for text in IDENTITIES),
    *(("phone", (region,), text) for region, text in PHONES),
    *(("mail", (), text) for text in MAILS),
    *((kind, (), text) for kind, text in TRICKS),
    *(("mac", (), text) for text in MACS),
    *(("birth", (), text) for text in BIRTHS),
    *(("none", ("IN", "BR", "CN", "ES", "GB"), text) for text in NONE),
)
"""Kind of what is marked, the scenario's regions, and the text."""
