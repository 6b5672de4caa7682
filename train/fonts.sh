#!/usr/bin/env bash
# Fetches the free fonts that rendered training plates are drawn with, into train/fonts (not kept in
# the repository). Condensed and narrow families come closest to the dies of real plates.
set -euo pipefail
cd "$(dirname "$0")"
mkdir -p fonts && cd fonts
families="overpass barlow-condensed barlow-semi-condensed saira-condensed saira-semi-condensed oswald teko rajdhani
  bebas-neue archivo-narrow pathway-gothic-one big-shoulders antonio fjalla-one din-condensed roboto-condensed
  ubuntu-condensed pt-sans-narrow yanone-kaffeesatz sofia-sans-condensed ibm-plex-sans-condensed francois-one
  news-cycle share-tech-mono overpass-mono b612-mono dosis"
[ -f package.json ] || printf '{"private":true}\n' > package.json
for family in $families; do
  npm install --silent --no-audit --no-fund --no-package-lock "@fontsource/$family" >/dev/null 2>&1 ||
    echo "not there, left out: $family"
done
# One folder of .woff files, Latin, weights from 400 up: FreeType reads them as they are.
mkdir -p woff
find node_modules/@fontsource -name '*-latin-[4-7]00-normal.woff' -exec cp -f {} woff/ \;
ls woff | wc -l
