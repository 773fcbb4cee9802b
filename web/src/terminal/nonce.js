// What xterm.js needs under a policy without `unsafe-inline`: it makes style sheets as elements, and its DOM renderer
// gives cells their colours as attributes. Loaded before xterm.js; it loosens nothing, since only scripts that the
// policy already lets run get here.

/** The page's nonce, which browsers hide from the attribute but not from the property. */
function pageNonce() {
  return /** @type {HTMLScriptElement|null} */ (document.querySelector('script[nonce]'))?.nonce ?? '';
}

/** Elements of style sheets that scripts make get the page's nonce. */
function signStyleElements() {
  const nonce = pageNonce();
  if (nonce === '') return;
  const create = document.createElement.bind(document);
  /** @type {(name: string, options?: ElementCreationOptions) => HTMLElement} */
  const signed = (name, options) => {
    const element = create(name, options);
    if (name.toLowerCase() === 'style') element.nonce = nonce;
    return element;
  };
  document.createElement = /** @type {typeof document.createElement} */ (signed);
}

/** Cells are spans: their style attribute is set through the object model, which the policy does not forbid. */
function styleSpansByObject() {
  const set = Element.prototype.setAttribute;
  HTMLSpanElement.prototype.setAttribute = function setAttribute(name, value) {
    if (name === 'style') this.style.cssText = value;
    else set.call(this, name, value);
  };
}

signStyleElements();
styleSpansByObject();
