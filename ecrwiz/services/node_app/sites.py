"""Builds that are plain files, which a small static file server serves."""

from __future__ import annotations

import re

from ecrwiz.services.node_app.plans import Plan, config, output_path, static, variants
from ecrwiz.services.node_app.reading import Project

__all__ = ["create_react_app", "docusaurus", "eleventy", "gatsby", "parcel", "quasar", "vite", "vitepress", "vue_cli"]


def vite(project: Project) -> Plan:
    """A Vite build: `build.outDir`, relative to `root`, else `dist`."""
    config_file, settings = config(project, *variants("vite"))
    named = re.search(r"--outDir[ =]([\w./-]+)", project.package.scripts.get("build", ""))
    found = named[1] if named else settings.path("outDir")
    # A path made of __dirname starts at the configuration, a plain string at Vite's root.
    root = "" if found and settings.string("outDir") is None and not named else settings.path("root") or ""
    folder = output_path(project, found, "dist", "package.json" if named else config_file, root)
    if root and not found:
        project.origins["output"] = config_file
    pages = settings.string("appType") != "mpa"
    return static(folder, single_page=pages, build="vite build", config_file=config_file)


def create_react_app(project: Project) -> Plan:
    """Create React App: `build`, unless the build script sets BUILD_PATH."""
    named = re.search(r"\bBUILD_PATH=[\"']?([\w./-]+)", project.package.scripts.get("build", ""))
    folder = output_path(project, named[1] if named else None, "build", "package.json")
    tool = "craco build" if project.has("@craco/craco") else "react-scripts build"
    return static(folder, single_page=True, build=tool)


def vue_cli(project: Project) -> Plan:
    """Vue CLI: `outputDir`, else `dist`."""
    config_file, settings = config(project, *variants("vue"))
    folder = output_path(project, settings.path("outputDir"), "dist", config_file)
    return static(folder, single_page=True, build="vue-cli-service build", config_file=config_file)


def gatsby(project: Project) -> Plan:
    """Gatsby: `public`."""
    config_file, _ = config(project, *variants("gatsby"), "gatsby-config.js", "gatsby-config.ts", "gatsby-config.mjs")
    project.origins["output"] = "default"
    return static("public", single_page=False, build="gatsby build", config_file=config_file)


def docusaurus(project: Project) -> Plan:
    """Docusaurus: `build`, unless the script says --out-dir."""
    config_file, _ = config(project, *variants("docusaurus"))
    named = re.search(r"--out-dir[ =]([\w./-]+)", project.package.scripts.get("build", ""))
    folder = output_path(project, named[1] if named else None, "build", "package.json")
    return static(folder, single_page=False, build="docusaurus build", config_file=config_file)


def eleventy(project: Project) -> Plan:
    """Eleventy: `--output` of the script, `dir.output` of the configuration, else `_site`."""
    config_file, settings = config(project, ".eleventy.js", *variants("eleventy"))
    named = re.search(r"--output[ =]([\w./-]+)", project.package.scripts.get("build", ""))
    found = named[1] if named else settings.path("output")
    folder = output_path(project, found, "_site", "package.json" if named else config_file)
    return static(folder, single_page=False, build="eleventy", config_file=config_file)


def vitepress(project: Project) -> Plan:
    """VitePress: `.vitepress/dist` in the folder that the script names."""
    script = next((text for text in project.package.scripts.values() if "vitepress build" in text), "")
    named = re.search(r"vitepress build\s+([\w./-]+)", script)
    root = named[1].removeprefix("./").rstrip("/") if named else ""
    if not named and not (project.root / ".vitepress").is_dir() and (project.root / "docs/.vitepress").is_dir():
        root = "docs"
    names = tuple(f"{root}/.vitepress/{name}".lstrip("/") for name in variants("config"))
    config_file, settings = config(project, *(name.replace("config.config", "config") for name in names))
    folder = output_path(project, settings.path("outDir"), ".vitepress/dist", config_file, root)
    if named:
        project.origins["output"] = "package.json"
    return static(folder, single_page=False, build=f"vitepress build {root}".strip(), config_file=config_file)


def parcel(project: Project) -> Plan:
    """Parcel: `--dist-dir` of the script, else `dist`."""
    named = re.search(r"--dist-dir[ =]([\w./-]+)", project.package.scripts.get("build", ""))
    folder = output_path(project, named[1] if named else None, "dist", "package.json")
    return static(folder, single_page=True, build="parcel build")


def quasar(project: Project) -> Plan:
    """Quasar: `dist/spa`."""
    config_file, settings = config(project, *variants("quasar"), "quasar.conf.js")
    folder = output_path(project, settings.path("distDir"), "dist/spa", config_file)
    return static(folder, single_page=True, build="quasar build", config_file=config_file)
