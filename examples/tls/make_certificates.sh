#!/bin/sh
# Makes an authority and, signed by it, a certificate for a server on this machine and one for a client.
#
#     sh examples/tls/make_certificates.sh certificates
#
# These are for trying things out: the keys lie beside the certificates, and all end after a month.
set -eu

folder=${1:?usage: make_certificates.sh FOLDER}
mkdir -p "$folder"
cd "$folder"
umask 077

openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=example authority" \
    -keyout authority.key -out authority.pem 2>/dev/null

issue() {
    openssl req -newkey rsa:2048 -nodes -subj "/CN=$1" -keyout "$1.key" -out "$1.csr" 2>/dev/null
    printf 'subjectAltName = DNS:localhost, IP:127.0.0.1\n' > "$1.ext"
    openssl x509 -req -in "$1.csr" -CA authority.pem -CAkey authority.key -CAcreateserial -days 30 \
        -extfile "$1.ext" -out "$1.pem" 2>/dev/null
    rm "$1.csr" "$1.ext"
}

issue server
issue client
echo "made authority.pem, server.pem and client.pem in $folder"
