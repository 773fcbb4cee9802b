// The one template tag of the page: htm bound to Preact. What is put into a template is text, never HTML.
import htm from 'htm';
import { h } from 'preact';

export const html = htm.bind(h);
