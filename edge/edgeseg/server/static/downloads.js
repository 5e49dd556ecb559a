// Downloads: the page posts the photograph again, because the server stores no results.

import { postPhotograph } from "./api.js";
import { element } from "./text.js";
import { currentLook } from "./viewer.js";

const PARTS = [
    ["mask", "Mask (PNG)", "_vessels.png"],
    ["overlay", "Overlay (JPEG)", "_overlay.jpg"],
    ["record", "Record (JSON)", "_record.json"],
    ["zip", "All (ZIP)", ".zip"],
];

export function downloadButtons(photograph) {
    const error = element("p", { class: "error", role: "alert" });
    const buttons = PARTS.map(([part, label, suffix]) => {
        const button = element("button", { type: "button", text: label, "data-part": part });
        button.addEventListener("click", () => download(photograph, part, suffix, button, error));
        return button;
    });
    return element(
        "section",
        { class: "downloads" },
        element("h3", { text: "Downloads" }),
        element("div", { class: "buttons" }, ...buttons),
        error,
    );
}

async function download(photograph, part, suffix, button, error) {
    const { colour, opacity } = currentLook();
    const query = {
        part,
        frame: photograph.frame,
        threshold: photograph.threshold,
        measures: true,
        eye: photograph.eye,
        um_per_px: photograph.umPerPx,
        colour: colour.slice(1),
        opacity,
    };
    button.disabled = true;
    error.textContent = "";
    try {
        const { blob } = await postPhotograph("/page/file", query, photograph.file);
        saveBlob(blob, stem(photograph) + suffix);
    } catch (failure) {
        error.textContent = failure.message;
    } finally {
        button.disabled = false;
    }
}

function stem({ file, frame }) {
    const name = file.name.replace(/(\.[A-Za-z0-9]{2,4})?(\.gz)?$/, "") || file.name;
    return frame === 1 ? name : `${name}_p${String(frame).padStart(4, "0")}`;
}

function saveBlob(blob, name) {
    const url = URL.createObjectURL(blob);
    const link = element("a", { href: url, download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
