/** The playground on the real stack: the whole story by clicking and by keyboard alone, small, dark, and for everybody. */
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { freePort } from '../dev/ports.ts';
import { slackChannels } from '../dev/company/workspace.ts';
import { sampleCompany } from '../dev/playground/company.ts';
import { startPlayground, type Playground } from '../dev/playground/server.ts';
import { violationsInBoth } from './support/accessibility.ts';
import { chromiumPath, startBrowser } from './support/browser.ts';
import { eventually } from './support/eventually.ts';
import { openTheatre, type Theatre } from './support/stage.ts';

const path = chromiumPath();

const plain = (text: string) => ({ type: 'plain_text', text });
const options = ['one', 'two'].map((value) => ({ text: plain(value), value }));
const everyBlock = [
  { type: 'header', text: plain('A heading') },
  {
    type: 'section',
    text: {
      type: 'mrkdwn',
      text: '*A section* of `code`, <https://example.com|a link> and <javascript:1|No such link>',
    },
    fields: [plain('One field'), { type: 'mrkdwn', text: `*${'long'.repeat(60)}*` }],
    accessory: { type: 'overflow', action_id: 'a1', options },
  },
  { type: 'divider' },
  {
    type: 'context',
    elements: [plain('In small print'), { type: 'image', image_url: 'https://example.com/x.png', alt_text: 'a chart' }],
  },
  {
    type: 'actions',
    elements: [
      { type: 'button', action_id: 'b1', text: plain('A button'), style: 'primary' },
      { type: 'static_select', action_id: 'b2', placeholder: plain('A select'), options },
      { type: 'external_select', action_id: 'b3', placeholder: plain('A search') },
      { type: 'radio_buttons', action_id: 'b4', options },
      { type: 'checkboxes', action_id: 'b5', options },
      { type: 'datepicker', action_id: 'b6', placeholder: plain('A day') },
      { type: 'workflow_button', action_id: 'b7' },
      { type: 'file_input', action_id: 'b8' },
    ],
  },
  { type: 'rich_text', elements: [] },
];

const button = (within: Locator | Page, name: string | RegExp): Locator => within.getByRole('button', { name }).last();

describe.skipIf(path === undefined)('the playground in a real browser', () => {
  let theatre: Theatre;
  let playground: Playground;
  let browser: Browser;
  let page: Page;
  /** Whatever the browser complained about: a script that failed, a policy that was broken. */
  const complaints: string[] = [];

  beforeAll(async () => {
    theatre = await openTheatre();
    browser = await startBrowser(path ?? '', 'curfew.test');
  });
  afterAll(async () => {
    await browser?.close();
    await theatre?.end();
  });
  beforeEach(async () => {
    const { workspace, driver } = theatre;
    // A page of its own for each test: its guide begins anew.
    playground = await startPlayground({
      workspace,
      driver,
      port: await freePort(),
      company: sampleCompany(workspace),
    });
    page = await opened({ width: 1280, height: 800 });
  });
  afterEach(async () => {
    // A test that failed half way leaves no form open for the next one.
    for (const who of ['amara', 'priya']) while (theatre.driver.modalDepth(who) > 0) await theatre.driver.close(who);
    await page?.context().close();
    await playground?.stop();
    expect(complaints).toEqual([]);
  });

  async function opened(viewport: { width: number; height: number }, query = ''): Promise<Page> {
    const context = await browser.newContext({ viewport });
    context.on('page', (one) => {
      one.on('pageerror', (error) => complaints.push(error.message));
      one.on('console', (message) => {
        if (message.type() === 'error') complaints.push(message.text());
      });
    });
    const made = await context.newPage();
    complaints.length = 0;
    await made.goto(playground.url + query);
    return made;
  }

  const left = (): Locator => page.locator('#left');
  const right = (): Locator => page.locator('#right');
  /** The step that the guide is at. */
  const step = async (): Promise<string> => (await page.locator('[aria-current=step]').textContent()) ?? '';
  const atStep = (name: string) => eventually(`the guide is at ${name}`, async () => (await step()).includes(name));
  const accessible = async (what: string, one = page): Promise<void> => {
    expect(await violationsInBoth(one), what).toEqual([]);
  };
  const narrow = async (what: string, one = page): Promise<void> => {
    const width = await one.evaluate('document.documentElement.scrollWidth');
    expect(width, `${what}: nothing is wider than a small telephone`).toBeLessThanOrEqual(360);
  };

  test('somebody who has read nothing gets through the whole story by its one address', async () => {
    await atStep('Ask');
    await accessible('empty');
    await button(page, "Put it in Amara's box").click();
    await button(left(), 'Send').click();
    await atStep('Approve');
    await button(right(), 'Review').click();
    await right().getByRole('dialog', { name: 'Review' }).waitFor();
    await accessible('Review open');
    await button(right(), 'Record decision').click();
    await right().getByText('Error: This is needed.').waitFor();
    await accessible('an error shown');
    await right().getByLabel('Deny').check();
    await button(right(), 'Record decision').click();
    // Curfew's own word this time, under the field that it is about.
    await right().locator('.error').filter({ hasText: 'Say why' }).waitFor();
    await right().getByLabel('Approve').check();
    await button(right(), 'Record decision').click();
    await right().getByRole('dialog').waitFor({ state: 'detached' });
    await atStep('Get the link');
    await button(left(), 'Claim').click();
    await atStep('Claim');
    await accessible('the link shown');

    const link = left().getByRole('link', { name: 'Open the claim page' });
    expect(await link.getAttribute('rel')).toContain('noopener');
    const [claim] = await Promise.all([page.context().waitForEvent('page'), link.click()]);
    await button(claim, 'Claim now').click();
    await claim.getByRole('heading', { name: 'Your access is ready' }).waitFor();
    await accessible('the claim page', claim);
    await claim.close();

    await atStep('See it end');
    await accessible('held');
    await button(left(), "I'm done").click();
    const question = left().getByRole('alertdialog');
    await question.waitFor();
    await accessible('a question');
    await button(question, "I'm done").click();
    await left().getByText('Receipt').waitFor();
    await page.getByText('That is the whole story').waitFor();
    await right().getByText('the holder was done').first().waitFor();
    await accessible('ended');
  }, 600_000);

  test('the keyboard alone asks by form, approves, claims and ends', async () => {
    /** With the Tab key, as somebody does who has no pointer. */
    const tabTo = async (wanted: Locator, one = page): Promise<void> => {
      await wanted.waitFor();
      for (let presses = 0; presses < 90; presses += 1) {
        if (await wanted.evaluate((element) => element === element.ownerDocument.activeElement)) return;
        await one.keyboard.press('Tab');
      }
      throw new Error('the Tab key does not lead there');
    };
    const key = (name: string): Promise<void> => page.keyboard.press(name);
    const focusIs = (what: string, expression: string) =>
      eventually(what, async () => (await page.evaluate(expression)) === true);

    await tabTo(page.getByLabel('/curfew as Amara Okafor'));
    await key('Enter');
    const form = left().getByRole('dialog');
    await form.waitFor();
    const inForm = 'document.activeElement?.closest("#left [role=dialog]") !== null';
    await focusIs('the form has the focus', inForm);
    await accessible('the form open');
    await tabTo(form.getByRole('combobox', { name: 'Target' }));
    await page.keyboard.type('orders');
    await form.getByRole('option', { name: 'orders-prod' }).waitFor();
    await key('Enter');
    await tabTo(form.getByLabel('Role'));
    await page.keyboard.type('read');
    // The preview: the same words that the policy will speak.
    await form
      .getByText(/data owners/)
      .first()
      .waitFor();
    await tabTo(form.getByLabel('Why'));
    await page.keyboard.type('INC-21 keyboards only <!channel> *not bold*');
    for (let presses = 0; presses < 30; presses += 1) {
      await key('Tab');
      expect(await page.evaluate(inForm), 'the Tab key stays in the form').toBe(true);
    }
    await tabTo(button(form, 'Send'));
    await key('Enter');
    await form.waitFor({ state: 'detached' });
    await focusIs('the focus is back', 'document.activeElement?.id === "left-line"');

    await key('F6');
    await focusIs('on the right', 'document.activeElement?.id === "right"');
    await tabTo(button(right(), 'Review'));
    await key('Enter');
    const review = right().getByRole('dialog');
    // What somebody typed is text, whatever it looks like.
    await review.getByText('INC-21 keyboards only <!channel> *not bold*').waitFor();
    expect(await review.locator('.mention').count()).toBe(0);
    await key('Escape');
    await review.waitFor({ state: 'detached' });
    await focusIs('the focus is back', 'document.activeElement?.textContent === "Review"');
    await key('Enter');
    await tabTo(review.getByLabel('Approve'));
    await key('Space');
    await tabTo(button(review, 'Record decision'));
    await key('Enter');
    await review.waitFor({ state: 'detached' });

    await key('F6');
    await tabTo(button(left(), 'Claim'));
    await key('Enter');
    const link = left().getByRole('link', { name: 'Open the claim page' }).last();
    await tabTo(link);
    const [claim] = await Promise.all([page.context().waitForEvent('page'), key('Enter')]);
    await tabTo(button(claim, 'Claim now'), claim);
    await claim.keyboard.press('Enter');
    await claim.getByRole('heading', { name: 'Your access is ready' }).waitFor();
    await claim.close();

    await tabTo(button(left(), "I'm done"));
    await key('Enter');
    const question = left().getByRole('alertdialog');
    await question.waitFor();
    await key('Escape');
    await question.waitFor({ state: 'detached' });
    await focusIs('the focus is back', 'document.activeElement?.textContent === "I\'m done"');
    await key('Enter');
    await tabTo(button(question, "I'm done"));
    await key('Enter');
    await page.getByText('That is the whole story').waitFor();
  }, 600_000);

  test('on a small telephone one person is shown at a time, and nothing is cut', async () => {
    await page.context().close();
    page = await opened({ width: 360, height: 640 });
    await atStep('Ask');
    await narrow('empty');
    await button(page, "Put it in Amara's box").click();
    await button(left(), 'Send').click();
    await left().getByText('was sent').last().waitFor();
    await narrow('asked');
    await accessible('small');
    expect(await right().isVisible()).toBe(false);
    await button(page, "Show Priya's card").click();
    expect(await left().isVisible()).toBe(false);
    await button(right(), 'Review').click();
    await right().getByRole('dialog').waitFor();
    await narrow('Review');
    await accessible('Review, small');
    await button(right(), 'Cancel').click();
    await button(page, /^Amara Okafor/).click();
    await button(left(), 'Withdraw').click();
    await narrow('a question');
    await button(left().getByRole('alertdialog'), 'Withdraw').click();
    await left()
      .getByText(/Withdrawn/)
      .first()
      .waitFor();
  });

  test('every block and element is shown, and what is not known as a placeholder', async () => {
    const { recorder } = theatre.workspace;
    // Past the validator, which lets nothing through that Curfew does not use.
    await recorder.inspect('chat.postMessage', {
      channel: theatre.workspace.channelId(slackChannels.ops),
      text: 'every block',
      blocks: everyBlock,
    });
    await button(left(), '# curfew-ops').click();
    const message = left().locator('article').last();
    await message.getByText('A heading').waitFor();
    for (const words of ['A section', 'One field', 'In small print', 'Picture: a chart'])
      expect(await message.getByText(words).isVisible(), words).toBe(true);
    for (const role of ['button', 'link', 'combobox', 'radio', 'checkbox'] as const)
      expect(await message.getByRole(role).first().isVisible(), role).toBe(true);
    await message.getByText('a block of type rich_text').waitFor();
    await message.getByText('an element of type workflow_button').waitFor();
    await message.getByText('an input of type file_input').waitFor();
    expect(await message.getByRole('link', { name: 'No such link' }).count(), 'a javascript: address').toBe(0);
    await accessible('every block');
    await page.setViewportSize({ width: 360, height: 640 });
    await narrow('every block');
  });

  test('the address keeps who sits where', async () => {
    await page.getByLabel('Person on the left').selectOption('jonas');
    await button(left(), '# curfew-ops').click();
    await page.reload();
    await page.getByRole('region', { name: 'Left: Jonas Lindqvist' }).waitFor();
    expect(await left().locator('[aria-current=page]').textContent()).toBe('# curfew-ops');
    expect(new URL(page.url()).searchParams.get('left')).toBe('jonas');
  });
});
