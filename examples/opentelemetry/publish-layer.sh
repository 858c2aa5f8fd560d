#!/usr/bin/env bash
# Publishes a copy of an OpenTelemetry collector layer with a configuration of your own, in the region of the AWS CLI.
# Prints the ARN of the copy, the value of the parameter Tracing.
#
#   publish-layer.sh LAYER_ARN CONFIGURATION
#
# LAYER_ARN is the ARN of a layer version whose extension reads /opt/collector-config/config.yaml, such as those of
# https://github.com/open-telemetry/opentelemetry-lambda/releases. Requires the AWS CLI, curl and zip.
set -euo pipefail

if [ $# != 2 ]; then
    echo "usage: $0 LAYER_ARN CONFIGURATION" >&2
    exit 2
fi
layer=$1 configuration=$2

case $layer in
*arm64*) architecture=arm64 ;;
*amd64*) architecture=x86_64 ;;
*)
    echo "$layer: expected the ARN of a layer whose name contains arm64 or amd64" >&2
    exit 2
    ;;
esac
[ -r "$configuration" ] || {
    echo "$configuration: cannot read the file" >&2
    exit 2
}

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

url=$(aws lambda get-layer-version-by-arn --arn "$layer" --query Content.Location --output text)
curl --fail --silent --show-error --max-time 300 --output "$folder/layer.zip" "$url"

mkdir "$folder/collector-config"
cp "$configuration" "$folder/collector-config/config.yaml"
(cd "$folder" && zip --quiet layer.zip collector-config/config.yaml)

aws lambda publish-layer-version --layer-name "tollgate-collector-$architecture" \
    --description "Copy of $layer" --compatible-architectures "$architecture" \
    --zip-file "fileb://$folder/layer.zip" --query LayerVersionArn --output text
