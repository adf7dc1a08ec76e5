# Written by `djbundle init --for`. Writes the variables of the site to .env beside this file, with new passwords:
#
#   sh deploy/variables.sh HOST-OF-POSTGRESQL HOST-OF-VALKEY
#
# Only you may read that file. It is in no repository, no image and no bundle. A second run does not replace it.
set -Ceu
umask 077
database="$${1:?name the host of PostgreSQL}:5432/${label}" cache="$${2:?name the host of Valkey}:6379"

random() {
    head -c 24 /dev/urandom | od -An -v -t x1 | tr -d ' \n'
}

key=$$(random) postgres=$$(random) valkey=$$(random)
cat > "$$(dirname "$$0")/.env" <<END
SECRET_KEY=$$key
# The names by which browsers reach the site, with commas between them.
DJBUNDLE_ALLOWED_HOSTS=${label}.example
POSTGRES_PASSWORD=$$postgres
VALKEY_PASSWORD=$$valkey
DATABASE_URL=postgres://${label}:$$postgres@$$database
CACHE_URL=redis://:$$valkey@$$cache/1
${variables}# Uploads must be where all machines find them.
# MEDIA_URL=s3://bucket?region=eu-central-1
# AWS_ACCESS_KEY_ID=
# AWS_SECRET_ACCESS_KEY=
END
