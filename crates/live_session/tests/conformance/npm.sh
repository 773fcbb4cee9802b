# shellcheck shell=sh
# Makes packages in $1, and has npm install them in $2 from a lock file, without a network.
set -eu
packages=$1
project=$2

mkdir -p "$packages" "$project/vendor"
dependencies=
for package in 1 2 3 4 5 6 7 8; do
    mkdir -p "$packages/$package/package/lib"
    cd "$packages/$package/package"
    for module in 1 2 3 4 5 6 7 8 9; do
        echo "module.exports = $module" >lib/$module.js
    done
    printf '#!/usr/bin/env node\nconsole.log("program %s", require("./lib/3.js"))\n' $package >program.js
    chmod +x program.js
    printf '{"name": "package-%s", "version": "1.0.%s", "bin": {"program-%s": "program.js"}, "main": "lib/1.js"}\n' \
        $package $package $package >package.json
    tar -C .. -czf "$project/vendor/package-$package.tgz" package
    dependencies="$dependencies${dependencies:+, }\"package-$package\": \"file:vendor/package-$package.tgz\""
done

cd "$project"
printf '{"name": "project", "version": "1.0.0", "private": true, "dependencies": {%s}}\n' "$dependencies" >package.json
export npm_config_cache="$packages/cache" npm_config_offline=true npm_config_audit=false npm_config_fund=false \
    npm_config_update_notifier=false
npm install --package-lock-only
# The second time everything that is there has to be taken away first.
npm ci
npm ci
npm ls --all
for package in 1 2 3 4 5 6 7 8; do
    test "$(node_modules/.bin/program-$package)" = "program $package 3"
done
node -e 'for (let n = 1; n <= 8; n++) require("package-" + n)'
