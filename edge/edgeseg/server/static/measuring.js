// Eye and pixel size, for the measurements.

import { element, numberText } from "./text.js";

export function measuringForm(photograph, onChange) {
    const known = knownFromFile(photograph.records[0]);
    const eye = element("select", { id: "eye" });
    for (const [value, text] of [
        ["", known.eye],
        ["left", "left"],
        ["right", "right"],
    ])
        eye.append(element("option", { value, text }));
    eye.value = photograph.eye ?? "";
    const size = element("input", {
        id: "um-per-px",
        type: "number",
        min: 0,
        step: "any",
        placeholder: known.size,
    });
    size.value = photograph.umPerPx ?? "";
    eye.addEventListener("change", () => onChange({ eye: eye.value || null }));
    size.addEventListener("change", () =>
        onChange({ umPerPx: size.value > 0 ? size.value : null }),
    );
    return element(
        "div",
        { class: "measuring" },
        element("label", { for: "eye", text: "Eye" }),
        eye,
        element("label", { for: "um-per-px", text: "Pixel size in \u00b5m" }),
        size,
    );
}

// Eye and pixel size that a DICOM file contains.
function knownFromFile(record) {
    const hasSize = record.um_per_px && record.um_per_px_source !== "option";
    return {
        eye: record.eye_source === "dicom" ? `${record.eye} (from the file)` : "unknown",
        size: hasSize ? `${numberText(record.um_per_px)} (from the file)` : "unknown",
    };
}
