/* internal.h - what the files of the world share. Not for its users. */

#ifndef DS_WORLD_INTERNAL_H
#define DS_WORLD_INTERNAL_H

#include "world/world.h"

enum { DS__CELL_BYTES = DS_WORLD_CELL * DS_WORLD_CELL * 4 };

/* The drawings of one style, and what they were read or made from. */
typedef struct ds__sheet {
    char file[24]; /* "" for a style that is made from another */
    int glaze_of;  /* that other style, or -1 */
    int cells;     /* objects (the invented one last), then people where the style has them */
    uint8_t *rgba; /* premultiplied, one cell after the other */
    ds_drawing *drawing;
    uint32_t *contrast; /* per object: bit b is set if it stands out against background b */
} ds__sheet;

struct ds_world {
    ds_world_tables t;
    ds__sheet sheet[DS_WORLD_STYLES];
};

/* Fills w->t from the JSON files of `folder`. */
ds_status ds__world_read_tables(ds_world *w, const char *folder, ds_error *err);

/* Reads the sheets; makes pixel art, the invented thing and the table of contrasts. */
ds_status ds__world_read_sheets(ds_world *w, const char *folder, ds_error *err);

/* ---- a background and a drawing onto a picture of floats, RGB 0 .. 1 ------------------------- */

typedef struct ds__canvas {
    float rgb[DS_WORLD_SIDE * DS_WORLD_SIDE * 3];
} ds__canvas;

void ds__paint_background(ds__canvas *c, const ds_factors *f, const ds_word_background *b);

/* Is there a formula for this background? */
bool ds__can_paint_background(const char *id);

/* ---- random numbers ---------------------------------------------------------------------------
 * Counter-based: a stream is named by (seed, split, index, factor, try), so that a choice does not
 * move when another one needs more draws. splitmix64 (Steele, Lea, Flood 2014). */

typedef struct ds__draws {
    uint64_t state;
} ds__draws;

static inline uint64_t ds__mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline uint64_t ds__draw(ds__draws *d)
{
    return ds__mix(d->state += 0x9e3779b97f4a7c15u);
}

/* Uniform in [0, 1). */
static inline double ds__draw_unit(ds__draws *d)
{
    return (double)(ds__draw(d) >> 11) * 0x1p-53;
}

static inline int ds__draw_below(ds__draws *d, int n)
{
    return (int)(ds__draw_unit(d) * n);
}

static inline float ds__draw_range(ds__draws *d, float lo, float hi)
{
    return lo + (hi - lo) * (float)ds__draw_unit(d);
}

#endif
