/**
 * Builds every page there is and writes `pages.json`: what each page loads, and how each file is
 * recognised (subresource integrity), so that the server serves these bytes or none.
 *
 *   node make/pages.mjs OUT [page …]
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
    existsSync,
    mkdirSync,
    readFileSync,
    readdirSync,
    rmSync,
    statSync,
    writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const [out, ...asked] = process.argv.slice(2);
if (!out) throw new Error("say where the pages go");
const known = readdirSync("src").filter((name) => existsSync(`src/${name}/main.tsx`));
const wanted = asked.length ? asked : known;
mkdirSync(out, { recursive: true });

const pages = {};
for (const page of wanted) {
    const built = spawnSync(
        process.execPath,
        ["node_modules/vite/bin/vite.js", "build", "--logLevel", "warn"],
        {
            stdio: "inherit",
            env: { ...process.env, BEZANT_PAGE: page, BEZANT_OUT: out },
        },
    );
    if (built.status !== 0) process.exit(built.status ?? 1);
    pages[page] = loaded(page);
}
writeFileSync(join(out, "licences.txt"), licences());
const files = {};
for (const name of readdirSync(out).filter((one) => !one.endsWith(".json"))) {
    const content = readFileSync(join(out, name));
    files[name] = {
        integrity: `sha384-${createHash("sha384").update(content).digest("base64")}`,
        bytes: statSync(join(out, name)).size,
        bytes_gzipped: gzipSync(content, { level: 9 }).length,
    };
}
writeFileSync(join(out, "pages.json"), `${JSON.stringify({ pages, files }, null, 1)}\n`);

/** Return what a page loads at once, and what it may load later. */
function loaded(page) {
    const path = join(out, `${page}.manifest.json`);
    const manifest = JSON.parse(readFileSync(path, "utf8"));
    rmSync(path);
    const entry = manifest[`src/${page}/main.tsx`];
    const first = manifest[`src/${page}/first.ts`]?.file ?? "";
    const styles = new Set();
    const preloads = new Set();
    const later = new Set();
    const follow = (one, into) => {
        for (const style of one.css ?? []) styles.add(style);
        for (const name of one.imports ?? []) {
            const next = manifest[name];
            if (!into.has(next.file)) {
                into.add(next.file);
                follow(next, into);
            }
        }
        for (const name of one.dynamicImports ?? []) {
            const next = manifest[name];
            if (!later.has(next.file)) {
                later.add(next.file);
                follow(next, later);
            }
        }
    };
    follow(entry, preloads);
    return {
        script: entry.file,
        styles: [...styles],
        first,
        preloads: [...preloads].filter((file) => file !== first),
        later: [...later].filter((file) => !preloads.has(file)),
        // The face of all text: without it a page is laid out twice.
        fonts: readdirSync(out).filter((file) => /^inter-.*\.woff2$/.test(file)),
    };
}

/** Return the licences of everything that may be in a page: they ask to be passed on with it. */
function licences() {
    const lock = JSON.parse(readFileSync("package-lock.json", "utf8")).packages;
    const texts = [];
    for (const [folder, one] of Object.entries(lock)) {
        if (!folder || one.dev || one.optional || !existsSync(folder)) continue;
        const file = readdirSync(folder).find((name) => /^licen[cs]e/i.test(name));
        const text = file ? readFileSync(join(folder, file), "utf8").trim() : "";
        const name = folder.slice(folder.lastIndexOf("node_modules/") + "node_modules/".length);
        texts.push(`${name} ${one.version} (${one.license})\n\n${text}\n`);
    }
    return texts.join(`\n${"-".repeat(80)}\n\n`);
}
