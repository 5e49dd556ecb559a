// The page: connects the list, the viewer, the results and the server.

import { getJson, isServerUp, postPhotograph, setToken } from "./api.js";
import { addColours } from "./colours.js";
import { downloadButtons } from "./downloads.js";
import { handleKeys } from "./keys.js";
import { markSelected, updateEntry } from "./list.js";
import { measuringForm } from "./measuring.js";
import { addFiles, events, photographs, resume, setMaxBytes } from "./photographs.js";
import { decodeSegmentation, thresholdSegmentation } from "./segmentation.js";
import { printSheets, printWithoutButton } from "./printing.js";
import { describeFields, describeMeasures, setDefinitions } from "./results.js";
import { element, STATES, thresholdText } from "./text.js";
import { changeLook, fit, showMask, showSegmentation, zoom } from "./viewer.js";

const RECONNECT_MS = 3000;
const byId = (id) => document.getElementById(id);

let model = null;
let selected = null;
let thresholdFrame = 0;
// the selected photograph after decoding: {photograph, segmentation, mask, densities}
export let current = null;

async function start() {
    const place = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname)
        ? "this machine"
        : location.hostname;
    byId("privacy").textContent = ` on ${place}. No data is sent elsewhere`;
    try {
        model = await getJson("/model");
        setDefinitions((await getJson("/openapi.json")).components.schemas);
    } catch (failure) {
        events.dispatchEvent(new Event(failure.kind === "token" ? "token" : "offline"));
        return;
    }
    setMaxBytes(model.max_upload_bytes);
    byId("model").textContent =
        `Model ${model.model} (${model.precision}), edgeseg ${model.edgeseg_version}. ` +
        "Not a medical device.";
    resume();
    for (const photograph of photographs) {
        if (photograph.measuresError) measureAgain(photograph);
    }
}

async function select(photograph) {
    selected = photograph;
    markSelected(photograph);
    showPosition();
    showNotice(photograph);
    if (photograph.state !== "done") {
        current = null;
        showSegmentation(null, "");
        changeLook({});
        byId("results").replaceChildren(
            element("p", { class: "muted placeholder", text: "Results appear here." }),
        );
        return;
    }
    const segmentation = await decodeSegmentation(photograph.answer);
    if (selected !== photograph) return;
    current?.segmentation.image.close();
    current = { photograph, segmentation };
    showSegmentation(segmentation, photograph.name);
    makeResults(photograph);
    applyThreshold(photograph.threshold);
    announce(`${photograph.name}, ${photographs.indexOf(photograph) + 1} of ${photographs.length}`);
}

function applyThreshold(threshold) {
    if (!current) return;
    current.photograph.threshold = threshold;
    Object.assign(current, thresholdSegmentation(current.segmentation, threshold));
    showMask(current.mask);
    byId("threshold").value = threshold;
    byId("threshold-value").textContent = thresholdText(threshold);
    byId("threshold-reset").disabled = threshold === current.photograph.defaultThreshold;
    showFigures();
}

// The figures are replaced separately, so that the controls of the panel keep the focus.
function makeResults(photograph) {
    byId("results").replaceChildren(
        element("h2", { text: photograph.name }),
        element("div", { id: "fields" }),
        downloadButtons(photograph),
        measuringForm(photograph, (changes) => measureAgain(photograph, changes)),
        element("div", { id: "measures" }),
    );
}

function showFigures() {
    const { photograph, densities } = current;
    byId("fields").replaceChildren(...describeFields(photograph.records, densities));
    byId("measures").replaceChildren(...describeMeasures(photograph));
}

// Measure at the displayed threshold. The response contains only records.
// Answers and failures of older requests are ignored.
async function measureAgain(photograph, changes = {}) {
    const { threshold, eye, umPerPx, frame, file } = Object.assign(photograph, changes);
    const query = { measures: true, threshold, eye, um_per_px: umPerPx, frame };
    changeMeasures(photograph, { measuring: query, measuresError: "" });
    try {
        const { blob } = await postPhotograph("/segment", query, file);
        const records = JSON.parse(await blob.text());
        if (photograph.measuring === query)
            changeMeasures(photograph, { measuring: null, records });
    } catch (failure) {
        if (failure.kind === "busy")
            await new Promise((resolve) => setTimeout(resolve, 1000 * failure.retryAfter));
        if (photograph.measuring === query) onMeasuresFailure(photograph, failure);
    }
}

function onMeasuresFailure(photograph, failure) {
    if (failure.kind === "busy") {
        measureAgain(photograph);
        return;
    }
    changeMeasures(photograph, { measuring: null, measuresError: failure.message });
    announce(failure.message);
    if (failure.kind === "offline" || failure.kind === "token")
        events.dispatchEvent(new Event(failure.kind));
}

function changeMeasures(photograph, values) {
    Object.assign(photograph, values);
    if (current?.photograph === photograph) showFigures();
}

function showNotice(photograph) {
    const notice = byId("notice");
    notice.hidden = photograph.state === "done";
    byId("stage").toggleAttribute("data-inactive", !notice.hidden);
    byId("controls").inert = !notice.hidden;
    notice.dataset.state = photograph.state;
    const text =
        photograph.state === "failed"
            ? photograph.message
            : `${photograph.name}: ${STATES[photograph.state]}`;
    notice.replaceChildren(element("p", { text }));
}

function onChange(photograph) {
    document.body.removeAttribute("data-empty");
    updateEntry(photograph, select);
    showPosition();
    byId("print").disabled = !photographs.some(({ state }) => state === "done");
    if (photograph.state === "failed") announce(photograph.message);
    const replacesWaiting =
        photograph.state === "done" &&
        selected !== photograph &&
        selected?.state !== "done" &&
        selected?.state !== "failed";
    if (!selected || photograph === selected || replacesWaiting) select(photograph);
}

function selectNext(step) {
    const index = photographs.indexOf(selected) + step;
    if (photographs[index]) select(photographs[index]);
}

function showPosition() {
    const index = photographs.indexOf(selected);
    byId("navigation").hidden = photographs.length < 2;
    byId("position").textContent = `${index + 1} of ${photographs.length}`;
    byId("previous").disabled = index <= 0;
    byId("next").disabled = index >= photographs.length - 1;
}

function announce(text) {
    byId("status").textContent = text;
}

function onOffline() {
    const banner = byId("offline");
    if (!banner.hidden) return;
    banner.textContent =
        "The server does not respond. Start it again with edgeseg serve. " +
        "The page then sends the waiting photographs.";
    banner.hidden = false;
    const timer = setInterval(async () => {
        if (!(await isServerUp())) return;
        clearInterval(timer);
        banner.hidden = true;
        start();
    }, RECONNECT_MS);
}

function onToken() {
    const dialog = byId("token-dialog");
    if (dialog.open) return;
    byId("token-error").textContent = byId("token").value ? "The token is wrong." : "";
    dialog.showModal();
}

function toggleOverlay() {
    const box = document.body.toggleAttribute("data-overlay-hidden");
    changeLook({ overlayVisible: !box });
    announce(box ? "overlay hidden" : "overlay shown");
}

function connectInputs() {
    const files = byId("files");
    for (const id of ["add", "choose"]) byId(id).addEventListener("click", () => files.click());
    files.addEventListener("change", () => {
        addFiles(files.files);
        files.value = "";
    });
    addEventListener("dragover", (event) => {
        event.preventDefault();
        document.body.toggleAttribute("data-dragging", true);
    });
    addEventListener(
        "dragleave",
        (event) => event.relatedTarget || document.body.removeAttribute("data-dragging"),
    );
    addEventListener("drop", (event) => {
        event.preventDefault();
        document.body.removeAttribute("data-dragging");
        addFiles(event.dataTransfer.files);
    });
    byId("token-form").addEventListener("submit", (event) => {
        event.preventDefault();
        setToken(byId("token").value);
        byId("token-dialog").close();
        start();
    });
}

function connectControls() {
    const threshold = byId("threshold");
    threshold.addEventListener("input", () => {
        byId("threshold-value").textContent = thresholdText(Number(threshold.value));
        // For a large photograph, an update takes longer than the time between two events.
        cancelAnimationFrame(thresholdFrame);
        thresholdFrame = requestAnimationFrame(() => applyThreshold(Number(threshold.value)));
    });
    threshold.addEventListener("change", () => {
        if (!current) return;
        cancelAnimationFrame(thresholdFrame);
        applyThreshold(Number(threshold.value));
        measureAgain(current.photograph);
    });
    byId("threshold-reset").addEventListener("click", () => {
        applyThreshold(current.photograph.defaultThreshold);
        measureAgain(current.photograph);
    });
    byId("opacity").addEventListener("input", ({ target }) => {
        byId("opacity-value").textContent = `${Math.round(100 * target.value)} %`;
        changeLook({ opacity: Number(target.value) });
    });
    for (const radio of document.querySelectorAll("input[name=view]")) {
        radio.addEventListener("change", () => changeLook({ view: radio.value }));
    }
    addColours(byId("colours"));
    byId("previous").addEventListener("click", () => selectNext(-1));
    byId("next").addEventListener("click", () => selectNext(1));
    byId("zoom-in").addEventListener("click", () => zoom(1.5));
    byId("zoom-out").addEventListener("click", () => zoom(1 / 1.5));
    byId("zoom-fit").addEventListener("click", fit);
    byId("help").addEventListener("click", () => byId("keys").showModal());
    byId("print").addEventListener("click", () =>
        printSheets(
            photographs.filter(({ state }) => state === "done"),
            model,
        ),
    );
}

events.addEventListener("change", ({ detail }) => onChange(detail));
events.addEventListener("offline", onOffline);
events.addEventListener("token", onToken);
printWithoutButton(() => current && { ...current, model });
handleKeys({ selectNext, toggleOverlay, zoom, fit, showKeys: () => byId("keys").showModal() });
connectInputs();
connectControls();
start();
