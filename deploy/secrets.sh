#!/bin/sh
# Makes the secrets that docker-compose.yml mounts, each that is not there yet: sh deploy/secrets.sh [folder]
#
# The folder is for its owner alone. The files in it can be read by everybody who gets past the folder:
# compose mounts them as they are, and in the containers no process is root.
set -eu
folder=${1:-"$(dirname "$0")/../secrets"}
mkdir -p "$folder"
chmod 700 "$folder"

make() { # name: from standard input
    if [ ! -e "$folder/$1" ]; then
        cat > "$folder/$1"
        chmod 644 "$folder/$1"
    fi
}

random() { # bytes, in hexadecimal digits
    od -An -N "$1" -tx1 /dev/urandom | tr -d ' \n'
}

random 24 | make postgres_password
echo "postgresql://curvefeed:$(cat "$folder/postgres_password")@postgres:5432/curvefeed" | make database_url
echo "first:$(head -c 32 /dev/urandom | base64)" | make auth_signing_keys
random 24 | make admin_token
random 12 | make grafana_password
printf '' | make solana_rpc_url   # empty: the localnet. Else the URL of your node, with its key.
