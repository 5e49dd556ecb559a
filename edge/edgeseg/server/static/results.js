// The panel of results: quality, density, measurements with definitions, downloads.

import {
    columnText,
    element,
    MEASURES_STATUSES,
    numberText,
    percentText,
    QUALITY_REASONS,
    thresholdText,
    unitText,
} from "./text.js";

const SUFFIX = /_(px|rel|um|per_px2?|per_mm2?)$/;
const WITHOUT_ROW = new Set(["measures_version", "quadrant", "width_method"]);

let definitions = null; // schemas of the OpenAPI document

export function setDefinitions(schemas) {
    definitions = schemas;
}

// Density and quality of every field of view.
// densities: vessel density of each field at the displayed threshold.
export function describeFields(records, densities) {
    return records.map((record, index) =>
        element(
            "section",
            { class: "field" },
            ...fieldHeading(record),
            element(
                "p",
                { class: "figure" },
                element("strong", { class: "density", text: percentText(densities[index]) }),
                " vessel density",
            ),
            element("p", {
                class: "definition",
                text: definitions?.ResultRecord.properties.vessel_density.description ?? "",
            }),
            describeQuality(record),
        ),
    );
}

// Measurements of every field of view, with their definitions.
export function describeMeasures({ records, threshold, measuring, measuresError }) {
    if (measuresError) return [element("p", { class: "error", text: measuresError })];
    return records.map((record) =>
        element(
            "section",
            {},
            ...fieldHeading(record),
            ...measuresOfField(record, !measuring && record.threshold === threshold),
        ),
    );
}

function fieldHeading({ fov_index: index, fov_count: count }) {
    return count > 1 ? [element("h3", { text: `Field ${index} of ${count}` })] : [];
}

function describeQuality({ quality }) {
    if (!quality?.ungradable)
        return element("p", { class: "quality good", text: "Image quality: sufficient" });
    const reasons = quality.reasons.map((reason) => QUALITY_REASONS[reason] ?? reason).join("; ");
    return element(
        "p",
        { class: "quality poor" },
        element("strong", { text: "Low image quality: " }),
        `${reasons}. The segmentation is unreliable.`,
    );
}

function measuresOfField(record, isCurrent) {
    const status = MEASURES_STATUSES[record.measures_status];
    const notes = [];
    if (status) notes.push(element("p", { class: "muted", text: status }));
    if (record.um_per_px_status === "implausible") {
        notes.push(
            element("p", {
                class: "muted",
                text: "The pixel size is implausible for this field of view and is ignored.",
            }),
        );
    }
    if (!record.measures) return notes;
    const body = element("tbody");
    for (const row of measureRows(record.measures)) body.append(row);
    const caption = `Measurements at threshold ${thresholdText(record.threshold)}`;
    const table = element(
        "table",
        { class: "measures" },
        element("caption", { text: caption }),
        body,
    );
    table.classList.toggle("stale", !isCurrent);
    return [...notes, table];
}

function measureRows(measures) {
    const rows = [];
    for (const name of preferredColumns(measures)) {
        const schema = definitions?.FieldMeasures.properties[name] ?? {};
        const unit = measures[name] === null ? "" : unitText(schema.unit ?? "");
        const label = element("th", { scope: "row", text: columnText(name.replace(SUFFIX, "")) });
        rows.push(
            element(
                "tr",
                {},
                label,
                element("td", { text: `${numberText(measures[name])} ${unit}`.trim() }),
            ),
            element(
                "tr",
                {},
                element("td", { class: "definition", colspan: 2, text: schema.description ?? "" }),
            ),
        );
    }
    return rows;
}

// One column of each measurement: micrometres if known, otherwise pixels.
function preferredColumns(measures) {
    const chosen = new Map();
    for (const name of Object.keys(measures)) {
        if (WITHOUT_ROW.has(name)) continue;
        const base = name.replace(SUFFIX, "");
        const isMetric = /_(um|per_mm2?)$/.test(name) && measures[name] !== null;
        if (!chosen.has(base) || isMetric) chosen.set(base, name);
    }
    return chosen.values();
}
