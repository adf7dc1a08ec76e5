"""Files that must not be in a bundle, and files that must be. Keys are paths; values are contents."""

from typing import Final

Files = dict[str, str | bytes]

CANARY: Final = "canary-5b1e77d0c2a94f36"
BODY = "\n".join(["MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"] * 6)
ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def pem(kind: str, body: str = BODY) -> str:
    return f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----\n"


KEY = pem("PRIVATE KEY")
PLAIN = f"nothing in here tells what it is: {CANARY}\n"

# Their names give them away, whatever their content: each holds PLAIN.
BY_NAME = """
.env  .env.local  .env.production  .env.example  .envrc  prod.env  production.env  env.production  config/.env.staging
deploy/web.env  shop/local.env  settings.ini  dotenv  .flaskenv  shop/.env.vault  config/prod.env.json
id_rsa  id_ed25519  id_ecdsa  id_dsa  keys/id_ed25519_sk  deploy_rsa  shop/deploy_ed25519  identity
server.key  shop/tls/server.key  cert.p12  cert.pfx  AuthKey_ABC123.p8  release.jks  release.keystore  passwords.kdbx
putty.ppk  backup.gpg  secring.gpg  signing.asc  key.agekey  office.ovpn  krb5.keytab  login.keychain-db  public.jwk
shop/data/private_key.txt  privkey1.bin  wallet.dat  master.key  key4.db  logins.json
.aws/credentials  .aws/config  .ssh/config  .ssh/known_hosts  .gnupg/pubring.kbx  .kube/config  .docker/config.json
.azure/accessTokens.json  .config/gcloud/credentials.db  shop/.aws/credentials
credentials  credentials.json  shop/credentials.json  config/credentials.yml.enc  secrets.json  shop/secrets.yaml
client_secret_123.json  client_secrets.json  secret.txt  SECRETS.TXT  shop/data/Passwords.csv  passwd  shadow
htpasswd  .htpasswd  .netrc  _netrc  .pgpass  pgpass.conf  .pypirc  pip.conf  .npmrc  .yarnrc.yml  auth.json
my.cnf  .my.cnf  kubeconfig  kubeconfig.yaml  prod.kubeconfig  service-account.json  shop/service_account.json
shop-firebase-adminsdk-x1.json  google-services.json  application_default_credentials.json
terraform.tfstate  terraform.tfstate.backup  infra/prod.tfvars  infra/prod.auto.tfvars.json  infra/main.tf  plan.tfplan
token  token.json  tokens.txt  shop/api_token  github-token.txt  api_key.txt  api_keys.json  vault.yml  .vault-token
session.har  cookies.txt  cookies.sqlite  .s3cfg  .boto  rclone.conf  .dockercfg  server.rdp  wp-config.php
database.yml  app.yaml  deploy/secrets/prod.json  shop/data/secrets/x.json  deploy/credentials/azure.json
db.sqlite3  db.sqlite3.bak  db.sqlite3-wal  shop/data.sqlite  site.db  test.db-journal  users.mdb  dump.rdb
appendonly.aof  ibdata.ibd  celerybeat-schedule  celerybeat-schedule.dat  customers.duckdb  orders.bson
dump.sql  backup.sql  db.sql  shop/dump.sql  prod-backup.sql.gz  db.dump  pg.pgdump  latest.dump.gz  dump.json
site-backup.tar.gz  backup.zip  backups/2024.tar  backups/site.json  dumpdata.json  mail.mbox  message.eml  net.pcap
heap.hprof  core  core.4711  shop/python.core  vgcore.12  memory.dmp  directory.ldif  contacts.vcf
settings.py~  shop/settings.py.bak  settings.py.orig  settings.py.save  .settings.py.swp  shop/.settings.py.swo
#settings.py#  .#settings.py  settings.py.old  settings.py.2024-01-01  local.json.bak  config.json~  x.un~
settings.py.rej  settings copy.py.txt  config.yml.old  config.yml.save  data.tmp  settings.py.dpkg-old  fix.patch
debug.log  shop/logs/app.log.1  nohup.out  gunicorn.pid  .bash_history  .psql_history  .python_history
.git-credentials  .gitconfig  .dockerignore  Dockerfile  docker-compose.override.yml  compose.prod.yaml  .travis.yml
.idea/dataSources.xml  .vscode/settings.json  .ipynb_checkpoints/x.json  .coverage  .DS_Store  Thumbs.db
server.pem  key.pem  private.der  gcp-key.json  github_deploy_key  ssh_host_rsa_key  authorized_keys  known_hosts
creds.json  creds.yml  oauth.json  aws.json  vault-pass  ansible.cfg  group_vars/all.yml  inventory.ini  envfile
wg0.conf  admin.conf  k3s.yaml  kube.config  pass.txt  bitwarden_export.json  recovery-codes.txt  wallet.json  dump
database.sql  users.sql  db.tar.gz  pgdata/base  core.python.1234  settings.py#  uwsgi.ini  Procfile
disk.img  site.7z  site.rar  dump.zst
"""

# Their content gives them away: their names and their places among the data are harmless.
BY_CONTENT: Files = {
    "notes.txt": KEY,
    "shop/words.txt": f"first\n{pem('RSA PRIVATE KEY')}",
    "shop/long.txt": "x" * 6_000_000 + "\n" + pem("EC PRIVATE KEY"),
    "README.md": f"# How to log in\n\n{pem('OPENSSH PRIVATE KEY')}",
    "shop/data.json": '{"key": "' + pem("PRIVATE KEY").replace("\n", "\\n") + '"}',
    "ca.pem": pem("CERTIFICATE") + KEY,
    "encrypted.txt": pem("RSA PRIVATE KEY", f"Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,AB\n\n{BODY}"),
    "armor.txt": pem("PGP PRIVATE KEY BLOCK", f"Version: GnuPG v2\n\n{BODY}"),
    "short.txt": pem("PRIVATE KEY", "MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYH"),
    "indented.yaml": "tls:\n  key: |\n    " + KEY.replace("\n", "\n    "),
    "windows.txt": KEY.encode("utf-16"),
    "putty.txt": "PuTTY-User-Key-File-3: ssh-ed25519\n",
    "age.txt": "AGE-SECRET-KEY-1" + "Q" * 58,
    "key.der": b"\x30\x82\x04\xbd\x02\x01\x00\x30\x0d\x06\x09" + bytes(1200),
    "rsa.bin": b"\x30\x82\x04\xa4\x02\x01\x00\x02\x82\x01\x01" + bytes(1200),
    "elliptic.bin": b"\x30\x77\x02\x01\x01\x04\x20" + bytes(112),
    "store.dat": b"\x30\x82\x09\xf1\x02\x01\x03\x30\x82" + bytes(64),
    "java.dat": b"\xfe\xed\xfe\xed" + bytes(64),
    "keepass.dat": b"\x03\xd9\xa2\x9a" + bytes(64),
    "records": b"SQLite format 3\0" + bytes(64),
    "shop/records.dat": b"SQLite format 3\0" + bytes(64),
    "redis.bin": b"REDIS0011" + bytes(64),
    "postgres.bin": b"PGDMP\x01" + bytes(64),
    "memory.bin": b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x04\x00" + bytes(64),
    "packets.bin": b"\xd4\xc3\xb2\xa1" + bytes(64),
    "vim.dat": b"b0VIM 9.0" + bytes(64),
    "vault.txt": "$ANSIBLE_VAULT;1.1;AES256\n6162",
    "aws.txt": "AKIA" + "ABCDEFGHIJ234567",
    "shop/s3.json": '{"id": "' + "AKIA" + 'ABCDEFGHIJ234567"}',
    "google.txt": "AIza" + ALPHABET[:35],
    "account.json": '{"type": "service_account"}',
    "github.txt": "ghp_" + ALPHABET[:36],
    "gitlab.txt": "glpat-" + ALPHABET[:20],
    "slack.txt": "xoxb-" + "123456789012-abcdef",
    "hook.txt": "https://hooks.slack.com/services/T0AAAA/B0AAAA/" + ALPHABET[:24],
    "stripe.txt": "sk_live_" + ALPHABET[:24],
    "mail.txt": "SG." + ALPHABET[:22] + "." + ALPHABET[:43],
    "npm.txt": "npm_" + ALPHABET[:36],
    "azure.txt": "AccountKey=" + ALPHABET[:60],
    "telegram.txt": "123456789:AA" + ALPHABET[:33],
    "model.txt": "sk-ant-" + ALPHABET[:40],
    "jwt.txt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0." + ALPHABET[:43],
    "jwks.json": '{"kty": "RSA", "d": "' + ALPHABET + '"}',
    "cluster.yaml": "users:\n- user:\n    client-key-data: LS0t\n",
    "k8s.yaml": "apiVersion: v1\nkind: Secret\ndata: {}\n",
    "registry.json": '{"auths": {"ghcr.io": {"auth": "YTpi"}}}',
    "state.json": '{"version": 4, "terraform_version": "1.9.0"}',
    "servers.txt": "DATABASE_URL=postgres://shop:" + "s3cr3tpw@db/shop",
    "config.ini": "[db]\npassword = " + "hunter2hunter2\n",
    "shop/config.yaml": "api_key: " + '"a1b2c3d4e5f6a7b8"\n',
    "prod.json": '{"SECRET_KEY": "' + 'k9x-0qv2!zz81hhd"}',
    "db.toml": "DB_PASS=" + "hunter22x\n",
    "conf.toml": 'token = "' + 'abc123def456"\n',
    "users.csv": "name,hash\nann,pbkdf2_sha256$1000000$salt$hash\n",
    "accounts.txt": "root:$6$rounds$" + ALPHABET + ":1\n",
    "export.txt": "--\n-- PostgreSQL database dump\n--\n",
    "shop/sql/data.sql": "INSERT INTO auth_user VALUES (1, 'ann');\n",
    "shop/sql/roles.sql": "CREATE ROLE shop LOGIN PASSWORD 'x';\n",
    "request.txt": "GET / HTTP/1.1\nAuthorization: Bearer " + ALPHABET[:30],
    "statements.sql": "SELECT 1;\n",
}

# Templates, static files and fixtures of the project: a certain secret stays out even there.
IN_PLACES: Files = {
    "templates/.env": PLAIN,
    "templates/id_rsa": PLAIN,
    "templates/dump.sql": PLAIN,
    "templates/page.html~": PLAIN,
    "templates/.page.html.swp": PLAIN,
    "templates/mail/notes.txt": KEY,
    "shop/templates/shop/page.html": f"<pre>{KEY}</pre>",
    "shop/templates/shop/settings.py.bak": PLAIN,
    "static/server.key": PLAIN,
    "static/id_ed25519": PLAIN,
    "static/backup.tar.gz": PLAIN,
    "static/db.sqlite3": PLAIN,
    "static/terraform.tfstate": PLAIN,
    "static/.htpasswd": PLAIN,
    "static/app.js": f"const key = `{KEY}`",
    "shop/static/shop/readme.txt": KEY,
    "shop/static/shop/dump.sql": PLAIN,
    "shop/fixtures/prod.sql": "INSERT INTO a VALUES (1);",
    "shop/fixtures/keys.json": '{"key": "' + KEY.replace("\n", "\\n") + '"}',
    "shop/fixtures/db.sqlite3": PLAIN,
    "locale/de/LC_MESSAGES/django.mo": KEY,
    "locale/de/LC_MESSAGES/prod.env": PLAIN,
}

# All of these go in. A name may look like that of a secret if its place says what it is.
HARMLESS: Files = {
    "manage.py": 'import os, django\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\n',
    "shop/__init__.py": "",
    "shop/settings.py": "",
    "shop/secrets.py": "",
    "shop/credentials.py": "",
    "shop/passwords/__init__.py": "",
    "shop/passwords/hints.json": '["think of a sentence"]',
    "secrets/__init__.py": "",
    "secrets/rules.json": "[]",
    "shop/templates/contact.vcf": "BEGIN:VCARD\nFN:{{ site_name }}\nEND:VCARD\n",
    "templates/report.dump": "{% for order in orders %}{{ order }}{% endfor %}",
    "CHANGELOG.md": "# 1.0\n\nThe password can be changed.\n",
    "VERSION": "1.0\n",
    "data/countries.json": '[{"code": "DE", "name": "Germany"}]',
    "data/words.csv": "a,b\n1,2\n",
    "data/model.onnx": b"\x08\x07\x12\x07pytorch" + bytes(64),
    "data/tokenizer.json": '{"version": "1.0"}',
    "data/GeoLite2.mmdb": b"\0\0\1" + bytes(64),
    "data/stop_words": "the\nand\n",
    "data/rds-bundle.pem": pem("CERTIFICATE"),
    "data/jwt.pub": pem("PUBLIC KEY"),
    "data/certificate.crt": pem("CERTIFICATE"),
    "content/reset-your-password.md": "# How\n",
    "content/secret-garden.jpg": b"\xff\xd8\xff\xe0" + bytes(64),
    "frontend/login.js": "form.password = fields.password1; token = getToken1();",
    "frontend/keys.js": 'const header = "-----BEGIN PRIVATE KEY-----\\n" + body + "\\n-----END PRIVATE KEY-----"',
    "shop/data/words.txt": "one\ntwo\n",
    "shop/data/messages.json": '{"password": "Passwort", "token": "Wertmarke"}',
    "shop/sql/function.sql": "CREATE FUNCTION one() RETURNS int AS $$ SELECT 1 $$ LANGUAGE sql;\n",
    "shop/schema.graphql": "type Query { login(password: String!): Token }\n",
    "templates/credentials.html": "<h1>Credentials</h1>",
    "templates/registration/password_reset_email.txt": "{{ password_reset_url }}",
    "templates/secrets.json": "{}",
    "templates/backup.html": "",
    "shop/templates/shop/token.html": "{% csrf_token %}",
    "shop/jinja2/env.html": "",
    "static/js/jsrsasign.js": 'x="-----BEGIN RSA PRIVATE KEY-----"+y+"-----END RSA PRIVATE KEY-----"',
    "static/password.svg": "<svg/>",
    "shop/static/shop/backup.png": b"\x89PNG" + bytes(64),
    "shop/static/shop/config.env.js": "export default {}",
    "shop/fixtures/users.json": '[{"fields": {"password": "pbkdf2_sha256$1$a$b"}}]',
    "shop/fixtures/dump.json": "[]",
    "locale/de/LC_MESSAGES/django.mo": b"\xde\x12\x04\x95" + bytes(64),
    "static/.well-known/security.txt": "Contact: a@b.example",
    "requirements.txt": "django\n",
    "pyproject.toml": '[project]\nname = "shop"\nversion = "1"\n',
}


def by_name() -> list[str]:
    """Return the names of `BY_NAME`; one of them has a space in it."""
    text = BY_NAME.replace("settings copy.py.txt", "settings\0copy.py.txt")
    return [name.replace("\0", " ") for name in text.split()]


def planted() -> Files:
    """Return all files that must stay out."""
    return dict[str, str | bytes].fromkeys(by_name(), PLAIN) | BY_CONTENT | IN_PLACES
