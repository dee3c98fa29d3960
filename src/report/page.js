"use strict";
// The words of a prompt and their maps. One call of view() per picture; without this script the
// page still shows all maps side by side.

function bytes(base64) {
    return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
}

// 16-bit levels, low byte first, as numbers from low to high.
function numbers(base64, low, high) {
    const b = bytes(base64);
    return Float64Array.from({ length: b.length / 2 },
        (_, i) => low + (high - low) * (b[2 * i] + 256 * b[2 * i + 1]) / 65535);
}

function text(value) {
    if (value === 0) return "0";
    const size = Math.abs(value);
    return size < 1e-3 || size >= 1e6 ? value.toExponential(2) : String(Number(value.toPrecision(3)));
}

function view(root) {
    const data = JSON.parse(root.querySelector("script").textContent);
    const colors = bytes(data.colors);
    const frame = root.querySelector(".frame");
    const canvas = frame.querySelector("canvas");
    const cell = frame.querySelector(".cell");
    const find = (name) => root.querySelector("." + name);
    const buttons = [...root.querySelectorAll("button[data-map]")];
    const maps = data.maps.map((m) => ({
        ...m,
        values: numbers(m.values, m.least, m.most),
        se: m.se ? numbers(m.se, 0, m.most_se) : null,
    }));
    let shown = null;   // the button whose map is to be seen
    let kept = null;    // the one that was pressed
    let at = null;      // column and row of the value that is told

    function below(m, i) {
        return data.floor > 0 && m.se !== null && Math.abs(m.values[i]) < data.floor * m.se[i];
    }

    // The value between four neighbours.
    function between(m, x, y) {
        const clip = (v, n) => Math.min(Math.max(v, 0), n - 1);
        const x0 = Math.floor(x), y0 = Math.floor(y), fx = x - x0, fy = y - y0;
        const v = (i, j) => m.values[clip(j, m.height) * m.width + clip(i, m.width)];
        return (v(x0, y0) * (1 - fx) + v(x0 + 1, y0) * fx) * (1 - fy)
            + (v(x0, y0 + 1) * (1 - fx) + v(x0 + 1, y0 + 1) * fx) * fy;
    }

    function draw(m) {
        const context = canvas.getContext("2d");
        const image = context.createImageData(canvas.width, canvas.height);
        const blocks = find("blocks").checked;
        const alpha = Math.round(255 * find("opacity").value / 100);
        for (let y = 0, p = 0; y < canvas.height; y++) {
            const v = (y + 0.5) * m.height / canvas.height;
            for (let x = 0; x < canvas.width; x++, p += 4) {
                const u = (x + 0.5) * m.width / canvas.width;
                const i = Math.floor(v) * m.width + Math.floor(u);
                if (below(m, i)) {
                    image.data.set((x + y) % 10 < 1 ? [90, 90, 90, 255] : [0, 0, 0, 0], p);
                    continue;
                }
                const value = blocks ? m.values[i] : between(m, u - 0.5, v - 0.5);
                const share = Math.min(Math.max((value - m.low) / (m.high - m.low), 0), 1);
                const level = Math.round(255 * share);
                image.data.set(colors.subarray(3 * level, 3 * level + 3), p);
                image.data[p + 3] = data.heat ? level : alpha;
            }
        }
        context.putImageData(image, 0, 0);
    }

    function legend(m) {
        const bar = find("bar");
        const context = bar.getContext("2d");
        const ends = find("ends").children;
        const opacity = data.heat ? 1 : find("opacity").value / 100;
        for (let i = 0; i < 256; i++) { // as they look over middle grey
            const rgb = Array.from(colors.subarray(3 * i, 3 * i + 3), (c) => 128 + (c - 128) * opacity);
            context.fillStyle = `rgb(${rgb.join()})`;
            context.fillRect(i, 0, 1, 1);
        }
        ends[0].textContent = text(m.low);
        ends[1].textContent = text((m.low + m.high) / 2);
        ends[2].textContent = text(m.high);
    }

    function tell() {
        const m = shown === null ? null : maps[shown.dataset.map];
        cell.hidden = m === null || at === null;
        if (cell.hidden) {
            find("value").textContent = "";
            return;
        }
        const x = Math.min(at[0], m.width - 1), y = Math.min(at[1], m.height - 1);
        const i = y * m.width + x;
        const error = m.se === null ? "" : " ± " + text(m.se[i]);
        const note = below(m, i) ? ` (below ${data.floor} standard errors)` : "";
        find("value").textContent =
            `column ${x + 1}, row ${y + 1}: ${text(m.values[i])}${error} ${data.unit}${note}`;
        cell.style.left = 100 * x / m.width + "%";
        cell.style.top = 100 * y / m.height + "%";
        cell.style.width = 100 / m.width + "%";
        cell.style.height = 100 / m.height + "%";
    }

    function show(button) {
        shown = button;
        for (const b of buttons) {
            b.classList.toggle("on", b === button);
            b.setAttribute("aria-pressed", String(b === kept));
        }
        canvas.hidden = find("legend").hidden = button === null;
        root.classList.toggle("grey", button !== null && !data.heat);
        find("now").textContent = button === null ? "No map shown"
            : button.textContent + (button.title ? ": " + button.title : "");
        if (button !== null) {
            draw(maps[button.dataset.map]);
            legend(maps[button.dataset.map]);
        }
        tell();
    }

    for (const b of buttons) {
        b.addEventListener("pointerenter", (e) => { if (e.pointerType === "mouse") show(b); });
        b.addEventListener("pointerleave", (e) => { if (e.pointerType === "mouse") show(kept); });
        b.addEventListener("focus", () => { if (b.matches(":focus-visible")) show(b); });
        b.addEventListener("blur", () => show(kept));
        b.addEventListener("click", () => { kept = kept === b ? null : b; show(kept); });
    }
    root.addEventListener("keydown", (e) => {
        if (e.key === "Escape") {
            kept = at = null;
            show(null);
        }
    });
    for (const name of ["opacity", "blocks"])
        find(name).addEventListener("input", () => show(shown));

    frame.addEventListener("pointermove", (e) => {
        const m = shown === null ? null : maps[shown.dataset.map], box = frame.getBoundingClientRect();
        if (m === null) return;
        at = [Math.floor((e.clientX - box.left) / box.width * m.width),
              Math.floor((e.clientY - box.top) / box.height * m.height)].map((v) => Math.max(v, 0));
        tell();
    });
    frame.addEventListener("pointerleave", () => { at = null; tell(); });
    frame.addEventListener("keydown", (e) => {
        const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
        const m = shown === null ? null : maps[shown.dataset.map];
        if (step === undefined || m === null) return;
        e.preventDefault();
        at = at === null ? [m.width >> 1, m.height >> 1]
            : [Math.min(Math.max(at[0] + step[0], 0), m.width - 1),
               Math.min(Math.max(at[1] + step[1], 0), m.height - 1)];
        tell();
    });
    canvas.width = data.width;
    canvas.height = data.height;
    find("side").hidden = false;
    kept = buttons.find((b) => b.dataset.map === data.first) || null;
    show(kept);
}

for (const root of document.querySelectorAll(".view")) view(root);
