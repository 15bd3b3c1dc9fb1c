export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A rectangle in the coordinates of a picture, from its top left corner. */
export interface Rect extends Size {
  readonly x: number;
  readonly y: number;
}
