/** The playground's page begins here. */
import { h, render } from 'preact';
import { App } from './app.ts';
import { company } from './wire.ts';

const root = document.getElementById('app');
if (root === null) throw new Error('the page has no place for the app');
const found = await company();
root.replaceChildren();
render(h(App, { company: found }), root);
