#!/bin/sh
# Writes to its standard output gptscope.conf with the settings of the environment in it (see env.example).
set -eu
here=$(cd "$(dirname "$0")" && pwd)

: "${GPTSCOPE_HOST:?is not set: the name that people type, such as class.example.org; several with a blank between}"
: "${GPTSCOPE_SECRET:?is not set: take the output of: openssl rand -hex 32}"
: "${GPTSCOPE_CERTIFICATE:?is not set: the file of the certificate}" "${GPTSCOPE_KEY:?is not set: the file of its key}"
prefix=${GPTSCOPE_PREFIX:-}
prefix=${prefix%/}
processes=${GPTSCOPE_PROCESSES:-127.0.0.1:8501 127.0.0.1:8502}
passwords=${GPTSCOPE_PASSWORDS:-}
https=${GPTSCOPE_HTTPS_PORT:-443}
if [ -n "$passwords" ]; then realm=gptscope; else realm=off; fi
if [ "$https" = 443 ]; then suffix=; else suffix=:$https; fi
style='body{font:18px/1.5 sans-serif;margin:3em auto;max-width:34em;padding:0 1em}:root{color-scheme:light dark}'
# The pass changes with the secret and with the passwords, so that a new password sends everybody to the door. It is as
# long as nginx's maps take without another setting.
pass=$({ printf '%s' "$GPTSCOPE_SECRET"; if [ -n "$passwords" ]; then cat "$passwords"; fi; } | sha256sum | cut -c1-32)

# A pool for each process: itself, and the others if it takes no connection.
pools() {
    for first in $processes; do
        echo "upstream gptscope_${first##*:} {"
        echo "    server $first max_fails=0;"
        for other in $processes; do
            [ "$other" = "$first" ] || echo "    server $other backup;"
        done
        echo "}"
    done
}

while IFS= read -r line; do
    case $line in
        @EACH@*)
            for process in $processes; do
                printf '%s\n' "${line#@EACH@}" | sed "s|@PROCESS@|$process|g; s|@PORT@|${process##*:}|g"
            done
            ;;
        @POOLS@) pools ;;
        @SIX@*) [ ! -e /proc/net/if_inet6 ] || printf '%s\n' "${line#@SIX@}" ;; # where the system speaks IPv6
        @PREFIXED@*) [ -z "$prefix" ] || printf '%s\n' "${line#@PREFIXED@}" ;;
        *) printf '%s\n' "$line" ;;
    esac
done <"$here/gptscope.conf" | sed "
    s|@STYLE@|<style>$style</style>|g
    s|@HOSTS@|$GPTSCOPE_HOST|g
    s|@ADDRESS@|https://${GPTSCOPE_HOST%% *}$suffix$prefix/|g
    s|@PREFIX@|$prefix|g
    s|@HTTP@|${GPTSCOPE_HTTP_PORT:-80}|g
    s|@HTTPS@|$https|g
    s|@HTTPS_SUFFIX@|$suffix|g
    s|@CERTIFICATE@|$GPTSCOPE_CERTIFICATE|g
    s|@KEY@|$GPTSCOPE_KEY|g
    s|@ACME@|${GPTSCOPE_ACME:-/var/www/acme}|g
    s|@PASSWORDS@|${passwords:-/dev/null}|g
    s|@REALM@|$realm|g
    s|@PASS@|$pass|g
    s|@UPLOAD@|${GPTSCOPE_UPLOAD_MB:-256}|g
    s|@PAGES@|${GPTSCOPE_PAGES:-200}|g
"
