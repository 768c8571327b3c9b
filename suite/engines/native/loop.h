// What the loop is told: the plan of a cell (the same for every call) and one call. Plain C, mirrored in `plan.py`.
#pragma once

enum Kind { TAPE, OLD, NEW, EXTRA, X, NOISE, SEED, SEED_VALUE, D_OLD, D_EXTRA, D_X, D_ROW, ROW };  // see `tape.py`

struct Kernel {
  void* run;           // void(long rows, const long* w, T* const* at, const long* step)
  const long* widths;
  long count;          // of pointers
  const long *kinds, *numbers;
};

struct Block {         // rows that hear the same sources, side by side
  long stage, column, columns;
  long link, links;    // its sources: a range of Plan::links
  long row, rows;      // its rows: a range of Plan::row_widths
  long weight, bias;   // number of its first weight (link after link, row after row) and of its first bias, or -1
};

enum SourceKind { FROM_X, FROM_STATE, FROM_VALUE };
struct Source {
  long kind, number, width;  // number of the state or value
  long column;               // of a value on the tape
  long stage;                // that makes a value
  long open;                 // whether its derivative is wanted
};

struct Plan {
  long stages, blocks, sources, states, values, extras, columns, between, row_columns, weights, biases;  // between: columns of the tape that a later stage reads
  const Kernel *forward, *reverse;
  const Block* block;
  const long *links, *row_widths;
  const Source* source;
  const long *state_widths, *extra_widths;
};

struct View {          // element (t, r, b, i) at data[t * time + r * replica + b * row + i * element]
  void* data;
  long time, replica, row, element;
};

struct Call {
  long length, replicas, batch, inputs;
  long threads;        // at most
  long kept;           // whether the tape and all states are kept for the reverse
  View x, y, mask, dy; // mask of bytes; data null: none. Without a mask y is the history of the first state
  void* tape;          // (length, replicas, batch, columns) where it is kept
  void* packed;        // weights that `pack` puts here for steps; a sequence packs its own
  View* history;       // each state before step 0, 1 ... length; element 0: two slots in turn
  View* noise;
  void **tensors;      // weights, biases and extras (replicas, rows, columns), then the states at the start (replicas, batch, width), null where a history has them
  void **gradients;    // of all of them
  void **d_last;       // of the last states; null: zero
  void* d_x;           // (length, replicas, batch, inputs) or null: not wanted
};
