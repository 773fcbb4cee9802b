// Drawing by WebGL where the browser can; by elements where it cannot, or once the context is lost. Only terminals that
// are seen hold a context: browsers have few.

/** @typedef {import('@xterm/xterm').Terminal} Terminal */

/** @type {Promise<typeof import('@xterm/addon-webgl')>|null} */
let loading = null;
let impossible = false;

export class Renderer {
  #terminal;
  /** @type {import('@xterm/addon-webgl').WebglAddon|null} */
  #addon = null;
  #wanted = false;

  /** @param {Terminal} terminal */
  constructor(terminal) {
    this.#terminal = terminal;
  }

  /** @param {boolean} visible */
  async show(visible) {
    this.#wanted = visible;
    if (!visible) return this.#dispose();
    if (this.#addon || impossible || !canDraw()) return;
    loading ??= import('@xterm/addon-webgl');
    const { WebglAddon } = await loading;
    if (this.#wanted && !this.#addon) this.#load(new WebglAddon());
  }

  stop() {
    this.#wanted = false;
    this.#dispose();
  }

  /** @param {import('@xterm/addon-webgl').WebglAddon} addon */
  #load(addon) {
    addon.onContextLoss(() => this.#dispose());
    try {
      this.#terminal.loadAddon(addon);
      this.#addon = addon;
    } catch {
      impossible = true;
      addon.dispose();
    }
  }

  #dispose() {
    this.#addon?.dispose();
    this.#addon = null;
  }
}

/** Names of renderers that draw with the processor. */
const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

/** A context drawn by the processor would be slower than elements. */
function canDraw() {
  const context = document.createElement('canvas').getContext('webgl2', { failIfMajorPerformanceCaveat: true });
  impossible = context === null || SOFTWARE.test(rendererName(context));
  context?.getExtension('WEBGL_lose_context')?.loseContext();
  return !impossible;
}

/** @param {WebGL2RenderingContext} context */
function rendererName(context) {
  const names = context.getExtension('WEBGL_debug_renderer_info');
  return String(context.getParameter(names ? names.UNMASKED_RENDERER_WEBGL : context.RENDERER));
}
