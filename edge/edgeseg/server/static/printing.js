// Print: one sheet per photograph.

import { decodeSegmentation, thresholdSegmentation } from "./segmentation.js";
import { describeFields, describeMeasures } from "./results.js";
import { element, thresholdText } from "./text.js";
import { drawSheet } from "./viewer.js";

const SHEET_SIDE = 1400; // pixels of each image
const sheets = document.getElementById("sheets");

// Print these photographs.
export async function printSheets(photographs, model) {
    const made = [];
    for (const photograph of photographs) {
        const segmentation = await decodeSegmentation(photograph.answer);
        made.push(makeSheet(photograph, segmentation, model));
        segmentation.image.close();
    }
    sheets.replaceChildren(...made);
    window.print();
}

// Print the current photograph if the browser's menu is used instead of the button.
export function printWithoutButton(getCurrent) {
    addEventListener("beforeprint", () => {
        const current = getCurrent();
        if (!sheets.hasChildNodes() && current)
            sheets.append(makeSheet(current.photograph, current.segmentation, current.model));
    });
    addEventListener("afterprint", () => sheets.replaceChildren());
}

function makeSheet(photograph, segmentation, model) {
    const { mask, densities } = thresholdSegmentation(segmentation, photograph.threshold);
    const canvases = [false, true].map((withVessels) => {
        const canvas = document.createElement("canvas");
        drawSheet(canvas, segmentation, mask, SHEET_SIDE, withVessels);
        return canvas;
    });
    return element(
        "article",
        { class: "sheet" },
        element("h2", { text: photograph.name }),
        element("div", { class: "sheet-images" }, ...canvases),
        element("div", { class: "sheet-fields" }, ...describeFields(photograph.records, densities)),
        element("div", { class: "sheet-measures" }, ...describeMeasures(photograph)),
        element("footer", {
            text:
                `Model ${model.model} (${model.precision}, ${model.model_sha256.slice(0, 12)}), ` +
                `threshold ${thresholdText(photograph.threshold)}, ` +
                `edgeseg ${model.edgeseg_version}, ` +
                `${new Date().toISOString().slice(0, 10)}. Not a medical device.`,
        }),
    );
}
