#!/usr/bin/env python3
"""Writes the seeds in corpus/. `python3 fuzz/seeds.py` makes every file again."""

import hashlib
import pathlib

CORPUS = pathlib.Path(__file__).parent / "corpus"
DOCKER, LIST, OCI, INDEX = range(4)
TYPES = [
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
]
SHA256 = "sha256:" + "a" * 64
SHA512 = "sha512:" + "b" * 128


def write(target, name, content):
    path = CORPUS / target / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def descriptor(media_type="t", digest=SHA256, size="7", more=""):
    return f'{{"mediaType":"{media_type}","digest":"{digest}","size":{size}{more}}}'


def document(kind, *, version="2", more="", **parts):
    """A document of the type, with the parts that are given instead of the usual ones."""
    usual = {"config": descriptor("c"), "layers": f"[{descriptor()}]"}
    if kind in (LIST, INDEX):
        usual = {"manifests": f"[{descriptor(TYPES[OCI], more=platform('amd64', 'linux'))}]"}
    members = "".join(f',"{key}":{value}' for key, value in (usual | parts).items())
    return f'{{"schemaVersion":{version},"mediaType":"{TYPES[kind]}"{members}{more}}}'


def platform(architecture, os):
    return f',"platform":{{"architecture":"{architecture}","os":"{os}"}}'


# manifest_parse: the first byte is the type, the rest is the document.
foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
nested = "[" * 63 + "]" * 63
for name, kind, text in [
    ("docker-image", DOCKER, document(DOCKER)),
    ("docker-list", LIST, document(LIST)),
    ("oci-image", OCI, document(OCI, subject=descriptor(digest=SHA512), artifactType='"a"', annotations='{"k":"v"}')),
    ("oci-index", INDEX, document(INDEX, subject="null", artifactType='""', annotations="{}")),
    ("empty-lists", OCI, document(OCI, layers="[]")),
    ("foreign-layers", DOCKER, document(DOCKER, layers="[%s,%s,%s]" % (
        descriptor(foreign, more=',"urls":["https://x/y"]'),
        descriptor(foreign, more=',"urls":["ftp://x#y"]'),
        descriptor(foreign, more=',"urls":null')))),
    ("null-platform", INDEX, document(INDEX, manifests="[%s]" % descriptor(more=',"platform":null'))),
    ("odd-platform", INDEX, document(INDEX, manifests="[%s]" % descriptor(more=',"platform":{"os":null,"variant":7}'))),
    ("duplicate-key", OCI, document(OCI, more=',"config":' + descriptor())),
    ("duplicate-escaped", OCI, document(OCI, more=',"\\u006cayers":[]')),
    ("duplicate-free-key", OCI, document(OCI, more=',"x":1,"x":[{}]')),
    ("look-alike-case", INDEX, document(INDEX, more=',"MANIFESTS":[]')),
    ("look-alike-long-s", INDEX, document(INDEX, more=',"\u017fubject":null')),
    ("look-alike-ligature", OCI, document(OCI, more=',"con\ufb01g":null')),
    ("look-alike-not", OCI, document(OCI, more=',"\u0441onfig":null')),
    ("duplicate-annotation", OCI, document(OCI, annotations='{"k":"v","K":"v","k":"w"}')),
    ("both-kinds", OCI, document(OCI, manifests="null")),
    ("numbers", OCI, document(OCI, version="2.0", config=descriptor(size="9223372036854775808"), x="[1e999,-0,1E5]")),
    ("largest-size", OCI, document(OCI, config=descriptor(size="9223372036854775807"))),
    ("half-a-pair", OCI, document(OCI, x='"\\ud83d"')),
    ("depth-64", OCI, document(OCI, x=nested)),
    ("depth-65", OCI, document(OCI, x=f"[{nested}]")),
]:
    write("manifest_parse", name, bytes([kind]) + text.encode())

# index_platforms: see `Case` in src/index.rs.
VALIDATE, IS_DOCKER, RAW = 1, 2, 4
AMD64, LINUX, ARM64, WINDOWS, EMPTY = range(5)
NOWHERE, HERE, BY_SHA512, ELSEWHERE = range(4)
ABSENT, NULL, ODD, TWICE, LOOK_ALIKE, OBJECT = range(6)
WRITTEN, NO_MORE = 3, 9


def entry(digest, architecture, os):
    """An entry with a platform of two words."""
    return bytes([digest, OBJECT, WRITTEN, architecture, WRITTEN, os, NO_MORE])


def child(number):
    text = f'{{"schemaVersion":2,"manifests":[],"annotations":{{"child":"{number}"}}}}'
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


everywhere = entry(0, AMD64, LINUX) + entry(1, ARM64, LINUX) + entry(2, AMD64, WINDOWS)
only_amd64 = bytes([1, AMD64, LINUX])
for name, content in [
    ("off", bytes([0, 0, NOWHERE, NOWHERE, NOWHERE, NOWHERE]) + everywhere),
    ("all-present", bytes([VALIDATE, 0, HERE, HERE, HERE, NOWHERE]) + everywhere),
    ("all-missing", bytes([VALIDATE | IS_DOCKER, 0, NOWHERE, ELSEWHERE, BY_SHA512, NOWHERE]) + everywhere),
    ("sparse", bytes([VALIDATE]) + only_amd64 + bytes([HERE, NOWHERE, NOWHERE, NOWHERE]) + everywhere),
    ("sparse-refused", bytes([VALIDATE]) + only_amd64 + bytes([NOWHERE, HERE, HERE, NOWHERE]) + everywhere),
    ("null-platform", bytes([VALIDATE, 1, EMPTY, EMPTY, 0, 0, 0, 0, 0, NULL, 1, ABSENT])),
    ("empty-platform", bytes([VALIDATE, 1, EMPTY, EMPTY, 0, 0, 0, 0, 0, NULL, 1, ABSENT, 2, OBJECT, 0, 0, NO_MORE])),
    ("odd-platform", bytes([VALIDATE]) + only_amd64 + bytes([0, 0, 0, 0, 0, OBJECT, 1, 0, WRITTEN, LINUX, NO_MORE])),
    ("duplicate-platform", bytes([VALIDATE]) + only_amd64 + bytes([0, 0, 0, 0, 0, TWICE, 3, AMD64, 3, LINUX, 9])),
    ("escaped-words", bytes([VALIDATE]) + only_amd64 + bytes([0, 0, 0, 0, 0, OBJECT, 2, AMD64, 2, LINUX, NO_MORE])),
    ("raw", bytes([VALIDATE | RAW, 1, AMD64, LINUX, HERE, 0, 0, 0]) + document(INDEX, manifests="[%s,%s]" % (
        descriptor(digest=child(0), more=platform("amd64", "linux")),
        descriptor(digest=child(1), more=platform("amd64", "linux")))).encode()),
]:
    write("index_platforms", name, content)
