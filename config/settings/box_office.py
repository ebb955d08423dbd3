"""The tickets, and the access system at the gate."""

from config.environment.sections import Section
from config.settings.variables import environment

env = Section(environment, "Tickets")
TICKETS_REINSTATE_SECONDS = env.number(
    "TICKETS_REINSTATE_SECONDS",
    default=3600,
    least=0,
    meaning="for how many seconds after its cancellation a ticket can be reinstated",
)
TICKETS_QR_KEYS = env.secrets(
    "TICKETS_QR_KEYS",
    default_is="`SECRET_KEY` and its fallbacks",
    meaning="secrets of 32 characters or more by which QR codes of tickets are known; the first one signs, so a new "
    "one comes first, and the old one stays as long as its tickets are used",
)
TICKETS_FONTS = env.items(
    "TICKETS_FONTS",
    meaning="font files (TrueType or OpenType) for scripts that "
    "[printed tickets](tickets.md#printed-tickets) lack, such as Noto's for Korean or Thai",
    example="/usr/share/fonts/NotoSansThai-Regular.ttf",
)
TICKETS_TIME_ZONE = env.text(
    "TICKETS_TIME_ZONE",
    default="UTC",
    meaning="the time zone of venues for which none is given, and of tickets from before tickets had one; set it "
    "before the migration, and leave it",
    example="Europe/Berlin",
)
ACCESS_SYSTEM_URL = env.text(
    "ACCESS_SYSTEM_URL",
    meaning="URL of the access system; the group `access` needs it",
    example="https://gate.example.org/hooks",
)
ACCESS_SYSTEM_SECRETS = env.secrets(
    "ACCESS_SYSTEM_SECRETS", meaning="secrets that sign the messages, `whsec_...`; several while one is replaced"
)
ACCESS_SYSTEM_ALLOW_PRIVATE = env.switch(
    "ACCESS_SYSTEM_ALLOW_PRIVATE",
    default=False,
    meaning="whether messages may be sent to addresses that are not public",
)
