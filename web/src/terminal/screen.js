// The terminal screen: the sessions of the server, and this window's tabs and panes.

import { useEffect, useState } from 'preact/hooks';
import './messages.js';
import { api } from '../api.js';
import { ErrorNote } from '../components/error-note.js';
import { Loading } from '../components/progress.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { useResource } from '../resource.js';
import { sessions } from './sessions.js';
import { connect } from './socket.js';
import { loadStyles } from './styles.js';
import { Workbench } from './workbench.js';

/** @typedef {import('../types.js').Account} Account */
/** @typedef {import('../types.js').Launch} Launch */

/** @type {import('./connection.js').TerminalConnection|null} One for the page, made when a terminal is first shown. */
let shared = null;

function sharedConnection() {
  if (shared) return shared;
  shared = connect();
  shared.onRefused = () => {
    shared?.close();
    shared = null;
    // The answer tells the frame that the sign-in has ended; the frame then asks for a new one.
    api.get('/api/sessions').catch(() => {});
  };
  return shared;
}

/** @param {{accounts: Account[], launch: Launch|null}} props `launch` is started once, however often it is given */
export function TerminalScreen({ accounts, launch }) {
  const { value: list, error, reload } = useResource(sessions);
  const [styled, setStyled] = useState(false);
  const [broken, setBroken] = useState(/** @type {unknown} */ (null));
  useEffect(() => {
    loadStyles().then(() => setStyled(true), setBroken);
    // What was seen the last time may be old: events are not kept while nobody listens.
    if (sessions.state.value !== null) sessions.reload();
  }, []);
  if (broken) return html`<${ErrorNote} error=${broken} onRetry=${() => location.reload()} />`;
  if (list === null && error) return html`<${ErrorNote} error=${error} onRetry=${reload} />`;
  if (list === null || !styled) return html`<${Loading} label=${t('common.loading')} />`;
  return html`<${Workbench} connection=${sharedConnection()} list=${list} accounts=${accounts} launch=${launch} />`;
}
