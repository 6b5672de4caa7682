# What comes after the guide on the bare machine: upgrades, one that does not start, and the power going off in the
# middle of each part of them. Run behind the guide's blocks, by the same shell.
hash() { sha256sum /usr/lib/homeplate/homeplate | cut -d' ' -f1; }
size() { homeplate verify /var/lib/homeplate/city/log --vkey-file /var/lib/homeplate/city/log.vkey | grep -o '[0-9][0-9]* entries'; }
city=/var/lib/homeplate/city
units="homeplate-custody homeplate homeplate-edge"

# Whether everything is as it should be after whatever was done.
whole() {
  systemctl is-active $units
  homeplate hits --key otto.key >/dev/null
  for left in "$city/before-upgrade" /usr/lib/homeplate.before /usr/lib/homeplate.before.new /usr/lib/homeplate/.running; do
    if [ -e "$left" ]; then echo "$left was left behind" >&2; exit 1; fi
  done
  size
}

echo '--- an upgrade'
homeplate upgrade --check
was=$(hash)
began=$(date +%s%N)
dpkg -i /srv/next.deb
echo "($((($(date +%s%N) - began) / 1000000)) ms)"
whole
echo '--- an upgrade that does not start'
if dpkg -i /srv/unfit.deb; then echo 'it was taken' >&2; exit 1; fi
[ "$(hash)" = "$was" ]
whole
if dpkg --configure -a; then echo 'dpkg believes what is not there' >&2; exit 1; fi
whole
dpkg -i /srv/next.deb >/dev/null
[ ! -e /usr/lib/homeplate.failed ]
[ -z "$(dpkg --verify homeplate)" ]

echo '--- a package that two of three people have to sign'
cp --archive "$city/homeplate.toml" /srv/unsigned.toml
for who in ann ben carl; do
  homeplate key new --person "per_$who" --out "/srv/$who.key" | sed -n 's/^\(per_[a-z]*\) \(.*\)/\1 = "\2"/p'
done >/srv/signers
sed -i -e '/^\[upgrade\]/,/^signatures/s/^signatures = 0/signatures = 2/' -e '/^\[upgrade.signers\]/r /srv/signers' "$city/homeplate.toml"
sed -n '/^\[upgrade\]/,/^\[limits\]/p' "$city/homeplate.toml"
homeplate check --data "$city" >/dev/null || true
refused() {
  if HOMEPLATE_PACKAGE=$1 dpkg -i /srv/later.deb; then echo 'it was taken' >&2; exit 1; fi
  [ "$(dpkg-query --show --showformat '${Status} ${Version}' homeplate)" = "install ok installed $(dpkg-deb --field /srv/next.deb Version)" ]
  whole
}
refused ''
homeplate upgrade --sign /srv/later.deb --key /srv/ann.key
homeplate upgrade --sign /srv/later.deb --key /srv/ann.key
refused /srv/later.deb
homeplate upgrade --sign /srv/later.deb --key /srv/carl.key
# Theirs are over another package.
cp /srv/later.deb.signed /srv/next.deb.signed
refused /srv/next.deb
rm /srv/next.deb.signed
HOMEPLATE_PACKAGE=/srv/later.deb dpkg -i /srv/later.deb
whole
cp --archive /srv/unsigned.toml "$city/homeplate.toml"
dpkg -i /srv/next.deb >/dev/null

# cut PACKAGE MOMENT: installs it, and as soon as MOMENT is so the power goes off: dpkg, all that it started and all
# services end at once. Then the machine boots, and starts what is enabled.
cut_off() {
  echo "--- the power goes off: $1, when $2"
  setsid dpkg --install "/srv/$1.deb" >/srv/cut.log 2>&1 &
  dpkg=$!
  until eval "$2"; do
    if ! kill -0 "$dpkg" 2>/dev/null; then
      echo 'that moment never came' >&2
      cat /srv/cut.log >&2
      exit 1
    fi
  done
  kill -KILL -- "-$dpkg" || true
  systemctl kill --signal=KILL $units 2>/dev/null || true
  wait "$dpkg" || true
  dpkg --status homeplate | grep '^Status' || true
  systemctl daemon-reload
  systemctl start --no-block $units || true
}
# What a person types then: the first mends what was unpacked, the second what was not.
mend() {
  dpkg --configure -a || true
  wanted="install ok installed $(dpkg-deb --field "/srv/$1.deb" Version)"
  if [ "$(dpkg-query --show --showformat '${Status} ${Version}' homeplate)" != "$wanted" ]; then
    echo 'once more'
    dpkg --install "/srv/$1.deb"
  fi
  [ -z "$(dpkg --verify homeplate)" ]
  [ "$(hash)" = "$(dpkg-deb --fsys-tarfile "/srv/$1.deb" | tar -xO ./usr/lib/homeplate/homeplate | sha256sum | cut -d' ' -f1)" ]
  whole
}
going() { grep -qsx "$1" /proc/[0-9]*/comm; }
for moment in '[ -e /usr/lib/homeplate.before.new ] || [ -e /usr/lib/homeplate.before ]' \
  '[ -e /usr/lib/homeplate/homeplate.dpkg-new ]' \
  '! systemctl --quiet is-active homeplate' \
  'going sleep'; do
  # Each time to other programs than those that run.
  if cmp -s /usr/lib/homeplate/homeplate /srv/later; then deb=next; else deb=later; fi
  cut_off "$deb" "$moment"
  mend "$deb"
done

echo '--- the same of one that does not start: whatever is cut off, the programs and the data of before come back'
dpkg -i /srv/next.deb >/dev/null
for moment in "[ -e $city/before-upgrade ]" '[ -e /usr/lib/homeplate.failed ]'; do
  cut_off unfit "$moment"
  if dpkg --install /srv/unfit.deb; then echo 'it was taken' >&2; exit 1; fi
  [ "$(hash)" = "$was" ]
  whole
  dpkg -i /srv/next.deb >/dev/null
  rm -rf /usr/lib/homeplate.failed
done

echo '--- the power goes off in the middle of a first installation'
apt-get -qq remove homeplate >/dev/null 2>&1 || dpkg --remove homeplate
mv /var/lib/homeplate /srv/kept
mv /etc/homeplate /srv/kept.etc
for user in homeplate homeplate-keys homeplate-edge; do userdel "$user"; done
cut_off later '[ -e /usr/lib/homeplate/homeplate.dpkg-new ]'
dpkg --install /srv/later.deb
dpkg --remove homeplate
for user in homeplate homeplate-keys homeplate-edge; do userdel "$user"; done
rm -rf /var/lib/homeplate /etc/homeplate
cut_off later 'grep -qs "^homeplate-keys:" /etc/passwd'
# As if it had gone off a moment sooner: a user without its group.
sed -i '/^homeplate-keys:/d' /etc/group /etc/gshadow
dpkg --configure -a
for user in homeplate homeplate-keys homeplate-edge; do id "$user"; done
[ "$(stat -c '%U %G %a' /var/lib/homeplate /var/lib/homeplate/state /etc/homeplate | tr '\n' ' ')" = 'homeplate homeplate 755 homeplate homeplate 700 root root 755 ' ]
[ -z "$(dpkg --verify homeplate)" ]
echo 'every cut was mended'
