import { html } from '../html.js';
import { Icon } from './icon.js';

/**
 * A button with a word on it; `icon` only goes before the word. `hideLabel` leaves the word to screen readers and shows
 * it as a tip, for places where the drawing is known and repeated in every row.
 * @param {{
 *   label: string, onClick?: (event: MouseEvent) => void, icon?: string, tone?: 'plain'|'primary'|'quiet'|'bad',
 *   hideLabel?: boolean, busy?: boolean, disabled?: boolean, type?: 'button'|'submit', class?: string, hint?: string,
 *   shortcut?: string, autofocus?: boolean, pressed?: boolean, form?: string, describedBy?: string, name?: string,
 * }} props `name` is said instead of the label, where the label alone is not enough
 */
export function Button(props) {
  const { label, icon, tone = 'plain', hideLabel, busy, type = 'button' } = props;
  return html`
    <button
      type=${type}
      class=${`button ${tone} ${hideLabel ? 'icon-only' : ''} ${props.class ?? ''}`}
      onClick=${props.onClick}
      disabled=${props.disabled}
      aria-disabled=${busy ? 'true' : undefined}
      aria-busy=${busy ? 'true' : undefined}
      aria-label=${hideLabel ? label : undefined}
      aria-pressed=${props.pressed}
      aria-keyshortcuts=${props.shortcut}
      aria-describedby=${props.describedBy}
      title=${props.hint ?? (hideLabel ? label : undefined)}
      form=${props.form}
      autofocus=${props.autofocus}
    >
      ${busy ? html`<span class="spinner" aria-hidden="true"></span>` : icon && html`<${Icon} name=${icon} />`}
      ${!hideLabel && html`<span aria-hidden=${props.name ? 'true' : undefined}>${label}</span>`}
      ${props.name && html`<span class="visually-hidden">${props.name}</span>`}
      ${props.shortcut && !hideLabel && html`<kbd aria-hidden="true">${props.shortcut}</kbd>`}
    </button>
  `;
}
