import { consistencyFacts, measureFacts, type MeasuredPictures, type MeasuredValue, type MeasureName, type MeasureReport } from '../shared/measures.ts';
import { formatSize } from './format.ts';

export interface MeasureRow {
  readonly label: string;
  readonly value: string;
  /** What a higher or lower value means here. */
  readonly direction: string;
  readonly about: string;
}

/** One table of the dialog: against what was measured, and what was found. */
export interface MeasureTable {
  readonly title: string;
  /** What to know of these figures: how they were taken, or why there are none. */
  readonly note: string;
  readonly rows: readonly MeasureRow[];
}

/** The tables of a report, in the order they are shown. */
export function measureTables(report: MeasureReport): readonly MeasureTable[] {
  return [explained(report), changed(report), ...besideReference(report), ...alone(report)];
}

function explained({ consistency }: MeasureReport): MeasureTable {
  return {
    title: 'What the original explains',
    note: 'The result brought to the size of the original and compared with it.',
    rows: [
      {
        label: consistencyFacts.label,
        value: formatValue(consistency, 2),
        direction: 'higher: closer to the original',
        about: 'What was added beyond the detail of the original does not count; what was changed does.',
      },
    ],
  };
}

function changed({ change }: MeasureReport): MeasureTable {
  const title = 'How much was changed';
  if (change === undefined)
    return {
      title,
      note: 'Result and original have different sizes, so they are compared only above, at the size of the original.',
      rows: [],
    };
  return {
    title,
    note: `Result against original, ${takenHow(change)}. Whether a change is for the better, these cannot say.`,
    rows: rowsOf(change, (higher) => (higher ? 'higher: less changed' : 'lower: less changed')),
  };
}

function besideReference({ reference }: MeasureReport): readonly MeasureTable[] {
  if (reference === undefined) return [];
  const { name, compared, problem } = reference;
  const title = `Against the reference ${name}`;
  if (compared === undefined) return [{ title, note: problem ?? '', rows: [] }];
  return [{ title, note: `${formatSize(reference.width, reference.height)}, ${takenHow(compared)}.`, rows: rowsOf(compared, better) }];
}

function alone({ niqe }: MeasureReport): readonly MeasureTable[] {
  if (niqe === undefined) return [];
  const { about } = measureFacts.niqe;
  const row = (label: string, value: MeasuredValue): MeasureRow => ({ label, value: formatValue(value, 2), direction: better(false), about });
  return [
    {
      title: 'Each picture alone',
      note: 'NIQE compares the statistics of a picture with those of good photographs; it knows no original.',
      rows: [row('NIQE of the original', niqe.original), row('NIQE of the result', niqe.result)],
    },
  ];
}

function rowsOf({ measures }: MeasuredPictures, direction: (isHigher: boolean) => string): readonly MeasureRow[] {
  return measures.map(({ name, value }) => ({
    label: measureFacts[name].label,
    value: formatValue(value, digitsOf(name)),
    direction: direction(measureFacts[name].better === 'higher'),
    about: measureFacts[name].about,
  }));
}

function takenHow({ cropPx, share }: MeasuredPictures): string {
  const where = share < 1 ? `on ${Math.round(share * 100)} % of the pixels, in nine places` : 'on all pixels';
  return cropPx === 0 ? where : `${where} but ${cropPx} at every border`;
}

function better(isHigher: boolean): string {
  return isHigher ? 'higher is better' : 'lower is better';
}

function digitsOf(name: MeasureName): number {
  return name.startsWith('psnr') || name === 'niqe' ? 2 : 4;
}

function formatValue(value: MeasuredValue, digits: number): string {
  if (value === undefined) return 'not measurable';
  return value === 'infinite' ? 'equal (∞)' : value.toFixed(digits);
}
