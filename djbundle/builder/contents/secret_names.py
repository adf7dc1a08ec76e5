"""Judge by its name what kind of file has no place in a bundle: a key, a dump, an editor's leftover.

The table is our own, and only for data. Modules, templates, static files and fixtures of the usual kinds may have any
name. Names are compared in lower case.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import translate
from functools import cache
from pathlib import PurePath


@dataclass(frozen=True, slots=True)
class Suspicion:
    """The reason for which a file stays out."""

    reason: str  # "a private key by its name"
    is_secret: bool = False  # only `include` with the full name includes it, not a pattern
    is_expected: bool = False  # developers expect it to stay out, so it is not reported


@dataclass(frozen=True, slots=True)
class NameRule:
    suspicion: Suspicion
    pattern: re.Pattern[str]
    spares_prose: bool = False  # it does not apply to suffixes in PROSE


def _rule(
    reason: str, names: Iterable[str], *, is_secret: bool = False, is_expected: bool = False, spares_prose: bool = False
) -> NameRule:
    pattern = re.compile("|".join(translate(name) for name in names))
    return NameRule(Suspicion(reason, is_secret, is_expected), pattern, spares_prose)


ENVIRONMENTS = (
    *(".env*", "*.env", "env.*", "*.env.*", "*.envrc", "dotenv", "dotenv.*", "settings.ini", "*.env-*", "*.env_*"),
    *("environment", "environment.*", "env", "envfile", "flaskenv", ".flaskenv"),
)
KEYS = (
    *("id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "identity", "*_rsa", "*_dsa", "*_ecdsa", "*_ed25519"),
    *("*.key", "*.p12", "*.pfx", "*.p8", "*.pk8", "*.pkcs8", "*.pkcs12", "*.jks", "*.jceks", "*.keystore", "*.bks"),
    *("*.kdb", "*.kdbx", "*.ppk", "*.gpg", "*.pgp", "*.asc", "*.age", "*.agekey", "*.ovpn", "*.snk", "*.keytab"),
    *("*.keychain", "*.keychain-db", "*.jwk", "*.wallet", "wallet.dat", "secring*", "*.sec", "*.priv", "*.privkey"),
    *("privkey*", "private_key*", "private-key*", "privatekey*", "*.keys", "key3.db", "key4.db", "logins.json"),
    *("*[-_]key", "*[-_]key.json", "*[-_]key.txt", "*[-_]key.yml", "*[-_]keys.json", "*deploykey*", "*.der"),
    *("known_hosts", "authorized_keys", "wallet.*", "keystore.*", "utc--*", "*mnemonic*", "seed.txt"),
)
CREDENTIALS = (
    *("*credential*", "*secret*", "*password*", "*passwd*", "*passphrase*", "*.cred", "*.creds", "*.pwd", "*.pw"),
    *("*htpasswd*", "*netrc*", "*pgpass*", "*pg_service*", ".pypirc", "pip.conf", ".npmrc", ".yarnrc*", "auth.json"),
    *("my.cnf", ".my.cnf", ".mylogin.cnf", "*kubeconfig*", "*kube_config*", "*kube-config*", "*service-account*"),
    *("*service_account*", "*serviceaccount*", "*firebase-adminsdk*", "google-services.json", "application_default_*"),
    *("*.tfstate", "*.tfstate.*", "*.tfvars", "*.tfvars.*", "*.tfplan", ".terraformrc", "terraform.rc", "*.tf"),
    *("token", "tokens", "*.token", "token.*", "tokens.*", "*_token", "*-token", "*_token.*", "*-token.*", "apikey*"),
    *("api_key*", "api-key*", "api_keys*", "*.vault", "vault.y*ml", "vault_*", "*.har", "cookies", "cookies.*"),
    *("cookiejar*", "*.s3cfg", ".boto", "boto.cfg", "rclone.conf", ".dockercfg", "dockerconfig*", "*.rdp", "*.pcf"),
    *("*.publishsettings", "wp-config*", "database.yml", "*.mobileprovision", "*.npmrc", "*.vnc", "*.session"),
    *("*.cookie", "shadow", "gshadow", "*.htdigest", "heroku.json", "app.yaml", "*.tfbackend", "sessionid*"),
    *("creds*", "*[-_]creds.*", "oauth*.json", "gcloud.*", "aws.json", "azure.json", "firebase.json", "vault.json"),
    *("vault-*", "pass.txt", "pass.json", "logins.*", "*bitwarden*", "*lastpass*", "*keepass*", "*1password*"),
    *("recovery?code*", "2fa.*", "otp.*", "session.json", "sessions.json", "k3s.yaml", "kube.config", "*.kube"),
    *("kubelet.conf", "admin.conf", "wg*.conf", "wireguard*", "vpn*.conf", "openvpn*", "ansible.cfg", "hosts.ini"),
    *("inventory", "inventory.ini", "inventory.y*ml", "web.config"),
)
DATABASES = (
    *("*.sqlite", "*.sqlite[23]", "*.sqlite*-*", "*.sqlite*.*", "*.db", "*.db-*", "*.db.*", "*.db[0-9]", "*.sdb"),
    *("*.mdb", "*.accdb", "*.rdb", "*.aof", "*.frm", "*.ibd", "*.myd", "*.mdf", "*.ldf", "*.bson", "*.duckdb"),
    *("celerybeat-schedule*", "*.dbm", "*.gdbm", "*.wal"),
)
DUMPS = (
    *("*.dump", "*.dump.*", "dump", "dump.*", "pgdata*", "db.tar*", "db.zip", "database.sql", "core.*.[0-9]*"),
    *("*.dmp", "*.mdmp", "*.pgdump", "*dump*.sql*", "*backup*", "*.bkp", "*.bkup"),
    *("dumpdata*", "*_dump.*", "*-dump.*", "*.mbox", "*.eml", "*.pst", "*.ost", "*.pcap", "*.pcapng", "*.cap"),
    *("*.ldif", "*.vcf", "export.sql*", "*.sql.*", "*.hprof", "core", "core.[0-9]*", "*.core", "vgcore.*"),
    *("*.stackdump", "*.crash", "*.heapsnapshot", "*.ips"),
)
LEFTOVERS = (
    *(
        "*~",
        "*~[0-9]*",
        "#*#",
        ".#*",
        "*.sw[op]",
        ".*.sw[a-z]",
        "*.un~",
        "*.orig",
        "*.rej",
        "*.bak",
        "*.bak[0-9.]*",
        "*.bak_*",
    ),
    *("*.old", "*.old.*", "*.save", "*.save.*", "*.tmp", "*.temp", "*.copy", "*.~*", ".~lock*", "*.autosave"),
    *("*.kate-swp", "*___jb_*", "*.py[._-]*", "*.py.[0-9]*", "* copy.*", "*.swap", "*.nfs*", "*.part", "*.rpmsave"),
    *(
        "*.dpkg-old",
        "*.dpkg-dist",
        "*.ucf-old",
        "*.patch",
        "*.diff",
        "*.working",
        "*.bck",
        "*#",
        "4913",
        "*.pacnew",
        "*.rpmnew",
    ),
)
LOGS = ("*.log", "*.log.*", "*.log-*", "nohup.out", "*.pid", "*.sock", "*_history", "*.history", "*.trace", "*.out")
DEVELOPMENT = (
    *(".git*", ".dockerignore", "dockerfile*", "*.dockerfile", "containerfile*", "docker-compose*", "compose*.y*ml"),
    *("uv.lock", "poetry.lock", "pipfile*", "vagrantfile", "makefile", "jenkinsfile", "*.hcl", "thumbs.db"),
    *(".ds_store", "desktop.ini", "procfile", "fly.toml", "netlify.toml", "vercel.json", "now.json", "php.ini"),
    *("uwsgi.ini", "nginx.conf", "supervisord.conf", "coverage.xml"),
)
ARCHIVES_NOBODY_READS = ("*.7z", "*.rar", "*.zst", "*.lz4", "*.lzma", "*.lz", "*.iso", "*.img", "*.dmg", "*.vmdk")

RULES = (
    _rule("a development tool's file", DEVELOPMENT, is_expected=True),
    _rule("variables of the environment, by its name", ENVIRONMENTS, is_secret=True, is_expected=True),
    _rule("a private key by its name", KEYS, is_secret=True),
    _rule("a database by its name", DATABASES, is_secret=True, is_expected=True),
    _rule("a dump or a backup by its name", DUMPS, is_secret=True, spares_prose=True),
    _rule("credentials by its name", CREDENTIALS, is_secret=True, spares_prose=True),
    _rule("what an editor or a tool has left, by its name", LEFTOVERS, is_secret=True, is_expected=True),
    _rule("a log by its name", LOGS, is_secret=True, is_expected=True),
    _rule("an archive that a build cannot look into", ARCHIVES_NOBODY_READS),
)
# Suffixes of documents, pages and pictures, which may be about passwords.
PROSE = frozenset((".md", ".rst", ".html", ".htm", ".css", ".js", ".svg", ".png", ".jpg", ".webp", ".gif", ".mjml"))
PROSE |= {".ts", ".tsx", ".jsx", ".vue", ".scss", ".map", ".mo"}
FOLDERS = frozenset(
    (
        *("secrets", "credentials", "backups", "backup", "dumps", "dump", "group_vars", "host_vars", "pgdata"),
        *(".aws", ".ssh", ".gnupg", ".kube", ".docker"),
    )
)
FOLDER = Suspicion("in a folder of secrets or backups", is_secret=True)
WELL_KNOWN = ".well-known"
HIDDEN = Suspicion("hidden by a dot in its path", is_expected=True)


@cache
def suspicion_of_name(path: PurePath) -> Suspicion | None:
    """Return why a data file of this name, relative to the project, stays out.

    None means that it may go in.
    """
    name = path.name.lower()
    if not FOLDERS.isdisjoint(part.lower() for part in path.parts[:-1]):
        return FOLDER
    for rule in RULES:
        if rule.pattern.match(name) and not (rule.spares_prose and path.suffix.lower() in PROSE):
            return rule.suspicion
    return HIDDEN if is_hidden(path) else None


def is_hidden(path: PurePath) -> bool:
    """Return whether a name in the path begins with a dot, other than ``.well-known``, which sites serve (RFC 8615)."""
    return any(part.startswith(".") and part != WELL_KNOWN for part in path.parts)
