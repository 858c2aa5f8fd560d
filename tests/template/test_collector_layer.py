"""The example of a collector layer: its configurations, and the program that publishes it."""

import os
import pathlib
import subprocess
import tempfile
import unittest
import zipfile

import yaml
from harness.http_server import HttpServer, QuietHandler
from harness.paths import PROJECT

FOLDER = PROJECT / "examples" / "opentelemetry"
UPSTREAM = (
    "arn:aws:lambda:eu-central-1:184161586896:layer:opentelemetry-collector-{architecture}-1_0_0:1"
)
PUBLISHED = "arn:aws:lambda:eu-central-1:123456789012:layer:tollgate-collector:7"

# `aws` in the search path. It keeps the arguments and the archive that it is given.
AWS = """#!/bin/bash
echo "$*" >> "$CALLS"
case $2 in
get-layer-version-by-arn) echo "$LAYER_URL" ;;
publish-layer-version)
    while [ "$1" != --zip-file ]; do shift; done
    cp "${2#fileb://}" "$ARCHIVE"
    echo "$PUBLISHED"
    ;;
esac
"""


class Layer(QuietHandler):
    """Serves the archive of a layer."""

    archive: pathlib.Path

    def do_GET(self) -> None:
        if self.path == "/missing":
            return self.send_error(404)
        return self.respond(self.archive.read_bytes(), "application/zip")


class Configurations(unittest.TestCase):
    def test_every_component_of_a_pipeline_is_configured(self) -> None:
        for path in FOLDER.glob("*.yaml"):
            configuration = yaml.safe_load(path.read_text())
            pipelines = configuration["service"]["pipelines"]
            self.assertEqual(pipelines.keys(), {"traces", "metrics"}, path)
            for name, pipeline in pipelines.items():
                for kind, components in pipeline.items():
                    self.assertLessEqual(set(components), set(configuration[kind]), (path, name))

    def test_collectors_listen_where_the_exporter_sends(self) -> None:
        for path in FOLDER.glob("*.yaml"):
            protocols = yaml.safe_load(path.read_text())["receivers"]["otlp"]["protocols"]
            self.assertEqual(protocols, {"http": {"endpoint": "localhost:4318"}}, path)

    def test_a_response_does_not_wait_for_the_export(self) -> None:
        configuration = yaml.safe_load((FOLDER / "collector.yaml").read_text())
        for pipeline in configuration["service"]["pipelines"].values():
            self.assertEqual(pipeline["processors"][-1], "decouple")


class PublishLayer(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        upstream = self.folder / "upstream.zip"
        with zipfile.ZipFile(upstream, "w") as archive:
            extension = zipfile.ZipInfo("extensions/collector")
            extension.external_attr = 0o755 << 16
            archive.writestr(extension, b"program")
            archive.writestr("collector-config/config.yaml", "upstream")

        handler = type("BoundLayer", (Layer,), {"archive": upstream})
        self.url = self.enterContext(HttpServer(handler)).url
        aws = self.folder / "aws"
        aws.write_text(AWS)
        aws.chmod(0o755)

    def run_script(self, *arguments: str, path: str = "/layer") -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "CALLS": str(self.folder / "calls"),
            "ARCHIVE": str(self.folder / "published.zip"),
            "LAYER_URL": self.url + path,
            "PUBLISHED": PUBLISHED,
        }
        command = [FOLDER / "publish-layer.sh", *arguments]
        return subprocess.run(
            command, check=False, env=environment, capture_output=True, text=True, timeout=60
        )

    def test_the_copy_has_the_configuration_and_the_extension(self) -> None:
        for architecture, of_lambda in (("arm64", "arm64"), ("amd64", "x86_64")):
            layer = UPSTREAM.format(architecture=architecture)
            run = self.run_script(layer, str(FOLDER / "collector.yaml"))
            self.assertEqual((run.stdout, run.stderr), (f"{PUBLISHED}\n", ""))

            with zipfile.ZipFile(self.folder / "published.zip") as archive:
                configuration = archive.read("collector-config/config.yaml").decode()
                extension = archive.getinfo("extensions/collector")
            self.assertEqual(configuration, (FOLDER / "collector.yaml").read_text())
            self.assertEqual(extension.external_attr >> 16 & 0o777, 0o755)

            calls = (self.folder / "calls").read_text().splitlines()[-2:]
            self.assertIn(f"--arn {layer} ", calls[0])
            self.assertIn(f"--compatible-architectures {of_lambda} ", calls[1])

    def test_nothing_is_published_after_a_failure(self) -> None:
        layer = UPSTREAM.format(architecture="arm64")
        configuration = str(FOLDER / "collector.yaml")
        for code, arguments, path in [
            (2, (), "/layer"),
            (2, (layer,), "/layer"),
            (2, (PUBLISHED, configuration), "/layer"),
            (2, (layer, str(self.folder / "missing.yaml")), "/layer"),
            (22, (layer, configuration), "/missing"),
        ]:
            with self.subTest(arguments=arguments, path=path):
                run = self.run_script(*arguments, path=path)
                self.assertEqual((run.returncode, run.stdout), (code, ""))
                self.assertNotEqual(run.stderr, "")
                self.assertFalse((self.folder / "published.zip").exists())


if __name__ == "__main__":
    unittest.main()
