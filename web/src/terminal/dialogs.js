// The questions that the terminal screen asks.

import { useState } from 'preact/hooks';
import { Button } from '../components/button.js';
import { CopyButton } from '../components/copy-button.js';
import { Dialog, FormDialog } from '../components/dialog.js';
import { Field, Select } from '../components/field.js';
import { dateTime } from '../format.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { endSession, renameSession, shareSession, titleOf } from './sessions.js';

/** @typedef {import('./sessions.js').Session} Session */

/** Minutes that a link may live. */
const LIFETIMES = [15, 60, 240, 1440];

/**
 * @typedef {{kind: 'rename'|'share'|'end', session: Session} | {kind: 'link', address: string}} Question
 */

/** @param {{question: Question, onClose: () => void}} props */
export function QuestionDialog({ question, onClose }) {
  if (question.kind === 'link') return html`<${LinkDialog} address=${question.address} onClose=${onClose} />`;
  const dialogs = { rename: RenameDialog, share: ShareDialog, end: EndDialog };
  return html`<${dialogs[question.kind]} session=${question.session} onClose=${onClose} />`;
}

/** @param {{session: Session, onClose: () => void}} props */
function RenameDialog({ session, onClose }) {
  const [title, setTitle] = useState(titleOf(session));
  const rename = async () => {
    await renameSession(session.id, title.trim());
    onClose();
  };
  return html`
    <${FormDialog}
      title=${t('terminal.rename')} submit=${t('terminal.rename')} onSubmit=${rename} onClose=${onClose}
      disabled=${title.trim() === ''}
    >
      <${Field} label=${t('terminal.name')} value=${title} onInput=${setTitle} maxlength=${100} required autofocus />
    <//>
  `;
}

/** @param {{session: Session, onClose: () => void}} props */
function EndDialog({ session, onClose }) {
  const end = async () => {
    await endSession(session.id);
    onClose();
  };
  return html`
    <${FormDialog} title=${t('terminal.end')} submit=${t('terminal.end')} tone="bad" onSubmit=${end} onClose=${onClose}>
      <p>${t('terminal.end_question', { name: titleOf(session) })}</p>
    <//>
  `;
}

/** @param {{session: Session, onClose: () => void}} props */
function ShareDialog({ session, onClose }) {
  const [minutes, setMinutes] = useState('60');
  const [link, setLink] = useState(/** @type {{address: string, expiresAt: number}|null} */ (null));
  const share = async () => setLink(await shareSession(session.id, Number(minutes)));
  if (link) {
    return html`
      <${Dialog} title=${t('terminal.share')} onClose=${onClose}>
        <p>${t('terminal.share_ready', { until: dateTime(link.expiresAt) })}</p>
        <p class="terminal-address"><code>${link.address}</code></p>
        <div class="dialog-foot">
          <${CopyButton} text=${link.address} tone="primary" label=${t('terminal.share_copy')} />
          <${Button} label=${t('common.done')} onClick=${onClose} />
        </div>
      <//>
    `;
  }
  return html`
    <${FormDialog} title=${t('terminal.share')} submit=${t('terminal.share_make')} onSubmit=${share} onClose=${onClose}>
      <p>${t('terminal.share_explanation')}</p>
      <${Select}
        label=${t('terminal.share_lifetime')} value=${minutes} onChange=${setMinutes}
        options=${LIFETIMES.map((each) => ({ value: String(each), label: lifetime(each) }))}
      />
    <//>
  `;
}

/** @param {number} minutes */
function lifetime(minutes) {
  if (minutes < 60) return t('terminal.minutes', { count: minutes });
  return t('terminal.hours', { count: minutes / 60 });
}

/**
 * Asks before an address that a program has written is opened; what it shows as a link may not say where it leads.
 * @param {{address: string, onClose: () => void}} props
 */
export function LinkDialog({ address, onClose }) {
  const open = () => {
    window.open(address, '_blank', 'noopener,noreferrer');
    onClose();
  };
  return html`
    <${Dialog} title=${t('terminal.link_title')} onClose=${onClose}>
      <p>${t('terminal.link_explanation', { host: hostOf(address) })}</p>
      <p class="terminal-address"><code>${address}</code></p>
      <div class="dialog-foot">
        <${CopyButton} text=${address} />
        <${Button} label=${t('common.cancel')} onClick=${onClose} />
        <${Button} tone="primary" label=${t('terminal.link_open')} onClick=${open} autofocus />
      </div>
    <//>
  `;
}

/** @param {string} address */
function hostOf(address) {
  try {
    return new URL(address).host;
  } catch {
    return address;
  }
}
