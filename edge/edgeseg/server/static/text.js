// Texts of the page: reasons, states, numbers and units.

export const QUALITY_REASONS = {
    no_fundus: "no retina was found",
    blurred: "blurred",
    dark: "too dark",
    overexposed: "overexposed",
    hazy: "hazy: the contrast is low",
    small: "the retina is too small in the image",
    cropped: "a large part of the retina is cut off",
    unusual_colours: "unusual colours, such as swapped channels",
    not_a_colour_photograph: "not a colour photograph",
};

export const MEASURES_STATUSES = {
    no_vessels: "The mask is empty.",
    not_vessels: "Not measured, because the marked pixels cannot be vessels.",
    ungradable: "Not measured, because the image quality is too low.",
    field_too_small: "Not measured, because the field of view is too small.",
};

export const STATES = {
    waiting: "waiting",
    uploading: "uploading",
    segmenting: "segmenting",
    busy: "the server is busy, waiting",
    offline: "waiting for the server",
    done: "done",
    failed: "failed",
};

const SUPERSCRIPTS = { "^2": "\u00b2" };

export function unitText(unit) {
    return unit.replace("^2", SUPERSCRIPTS["^2"]).replace(/\bum\b/, "\u00b5m");
}

export function numberText(value) {
    if (value === null || value === undefined) return "unknown";
    return new Intl.NumberFormat("en", { maximumSignificantDigits: 4, useGrouping: false }).format(
        value,
    );
}

export function percentText(share) {
    return `${(100 * share).toFixed(1)} %`;
}

export function thresholdText(threshold) {
    return threshold.toFixed(3);
}

// Column name as words: width_mean -> Width mean.
export function columnText(name) {
    const words = name
        .replaceAll("_", " ")
        .replace(" arc chord", ", arc over chord,")
        .replace(" rms ", ", RMS ");
    const text = words
        .replace("tortuosity curvature", "tortuosity, curvature")
        .replace(/ p(\d\d)/, ", $1th percentile");
    return text[0].toUpperCase() + text.slice(1);
}

// Create an element with text and children.
export function element(tag, options = {}, ...children) {
    const { text, ...attributes } = options;
    const created = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) created.setAttribute(name, value);
    if (text !== undefined) created.textContent = text;
    created.append(...children);
    return created;
}
