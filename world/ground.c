/* ground.c - backgrounds: plain colours, and a dozen places drawn by formula.
 *
 * A place is drawn pixel by pixel from a few smooth random functions of its seed, so that the
 * palette tells the place and no two pictures of it are the same. Thread rule: none. */

#include "world/internal.h"

#include <math.h>
#include <string.h>

enum { SIDE = DS_WORLD_SIDE };

typedef struct colour {
    float r, g, b;
} colour;

static colour rgb(int r, int g, int b)
{
    return (colour){ (float)r / 255.0f, (float)g / 255.0f, (float)b / 255.0f };
}

static colour mix(colour a, colour b, float t)
{
    t = t < 0.0f ? 0.0f : t > 1.0f ? 1.0f : t;
    return (colour){ a.r + (b.r - a.r) * t, a.g + (b.g - a.g) * t, a.b + (b.b - a.b) * t };
}

static colour shade(colour a, float by)
{
    return (colour){ a.r + by, a.g + by, a.b + by };
}

/* Value of lattice point (x, y), uniform in [0, 1). */
static float point(uint32_t seed, int x, int y)
{
    uint32_t place = (uint32_t)x * 73856093u ^ (uint32_t)y * 19349663u ^ 0x51ed270bu;
    uint64_t h = ds__mix((uint64_t)seed << 32 ^ place);

    return (float)(h >> 40) * 0x1p-24f;
}

/* Smooth noise in [0, 1): bilinear between lattice points, with eased weights. */
static float noise(uint32_t seed, float x, float y)
{
    float fx = floorf(x), fy = floorf(y), u = x - fx, v = y - fy;
    int ix = (int)fx, iy = (int)fy;
    float a, b;

    u = u * u * (3.0f - 2.0f * u);
    v = v * v * (3.0f - 2.0f * v);
    a = point(seed, ix, iy) * (1.0f - u) + point(seed, ix + 1, iy) * u;
    b = point(seed, ix, iy + 1) * (1.0f - u) + point(seed, ix + 1, iy + 1) * u;
    return a * (1.0f - v) + b * v;
}

/* Height of a line of hills at column x: `base` rows from the top, plus or minus `swing`. */
static float ridge(uint32_t seed, float x, float base, float swing, float length)
{
    return base + swing * (2.0f * noise(seed, x / length, 0.5f) - 1.0f);
}

/* 0 above the line, 1 below it, one row of blend. */
static float below(float y, float line)
{
    float t = y - line + 0.5f;

    return t < 0.0f ? 0.0f : t > 1.0f ? 1.0f : t;
}

static colour beach(uint32_t s, float x, float y)
{
    colour sky = mix(rgb(120, 196, 240), rgb(196, 230, 246), y / 24.0f);
    colour sea = mix(rgb(40, 130, 190), rgb(80, 190, 200), (y - 22.0f) / 16.0f);
    colour sand = shade(mix(rgb(240, 214, 150), rgb(226, 190, 120), (y - 38.0f) / 26.0f),
                        0.05f * (noise(s, x / 2.0f, y / 1.5f) - 0.5f));
    float shore = ridge(s + 1, x, 39.0f, 3.0f, 14.0f);

    if (fabsf(y - shore) < 1.2f)
        return rgb(244, 250, 250);
    return mix(mix(sky, sea, below(y, 23.0f)), sand, below(y, shore));
}

static colour night(uint32_t s, float x, float y)
{
    colour sky = mix(rgb(10, 14, 46), rgb(40, 42, 98), y / 64.0f);
    float star = point(s, (int)x, (int)y);

    if (star > 0.975f)
        return mix(sky, rgb(255, 250, 220), (star - 0.975f) * 40.0f);
    return sky;
}

static colour meadow(uint32_t s, float x, float y)
{
    colour sky = mix(rgb(150, 206, 244), rgb(210, 234, 248), y / 26.0f);
    colour grass = shade(mix(rgb(120, 186, 74), rgb(64, 138, 52), (y - 24.0f) / 40.0f),
                         0.10f * (noise(s, x / 1.3f, y / 4.0f) - 0.5f));

    if (y > 30.0f && point(s + 3, (int)(x / 2.0f), (int)(y / 2.0f)) > 0.985f)
        return rgb(250, 240, 130);
    return mix(sky, grass, below(y, ridge(s + 1, x, 25.0f, 4.0f, 22.0f)));
}

static colour snow(uint32_t s, float x, float y)
{
    colour sky = mix(rgb(168, 190, 214), rgb(206, 218, 232), y / 30.0f);
    colour drift = mix(rgb(250, 252, 255), rgb(214, 226, 242), (y - 30.0f) / 34.0f);
    colour c = mix(sky, drift, below(y, ridge(s, x, 32.0f, 5.0f, 20.0f)));

    if (point(s + 2, (int)x / 2, (int)y / 2) > 0.965f)
        return rgb(255, 255, 255);
    return c;
}

static colour sea(uint32_t s, float x, float y)
{
    colour water = mix(rgb(70, 176, 214), rgb(12, 66, 128), y / 60.0f);
    float ray = noise(s, (x + 0.6f * y) / 7.0f, 0.5f);
    float bubble = point(s + 2, (int)x / 2, (int)y / 2);

    water = shade(water, 0.10f * (ray - 0.5f) * (1.0f - y / 64.0f));
    if (bubble > 0.985f)
        return mix(water, rgb(214, 244, 252), 0.7f);
    return mix(water, rgb(180, 160, 110), 0.8f * below(y, ridge(s + 1, x, 58.0f, 2.5f, 12.0f)));
}

static colour forest(uint32_t s, float x, float y)
{
    colour leaves = mix(rgb(70, 122, 66), rgb(28, 70, 42), noise(s, x / 5.0f, y / 5.0f));
    colour floor_ = shade(rgb(84, 72, 46), 0.08f * (noise(s + 1, x / 2.0f, y / 2.0f) - 0.5f));
    float column = x / 9.0f + point(s, 0, 0), trunk = column - floorf(column);
    float middle = 0.3f + 0.4f * point(s + 2, (int)floorf(column), 0);
    colour c = leaves;

    if (fabsf(trunk - middle) < 0.13f && y > 12.0f)
        c = mix(rgb(72, 50, 34), rgb(98, 70, 46), (trunk - middle + 0.13f) / 0.26f);
    return mix(c, floor_, below(y, ridge(s + 3, x, 52.0f, 2.0f, 10.0f)));
}

static colour desert(uint32_t s, float x, float y)
{
    colour sky = mix(rgb(246, 196, 120), rgb(250, 226, 170), y / 30.0f);
    colour far = rgb(220, 150, 84),
           near = mix(rgb(232, 172, 96), rgb(204, 132, 68), (y - 38.0f) / 26.0f);
    colour c = mix(sky, far, below(y, ridge(s, x, 31.0f, 5.0f, 18.0f)));

    near = shade(near, 0.05f * sinf(0.9f * y + 3.0f * noise(s + 2, x / 12.0f, y / 12.0f)));
    return mix(c, near, below(y, ridge(s + 1, x, 41.0f, 5.0f, 24.0f)));
}

static colour cave(uint32_t s, float x, float y)
{
    float dx = (x - 32.0f) / 30.0f, dy = (y - 34.0f) / 28.0f;
    float from = sqrtf(dx * dx + dy * dy) + 0.28f * (noise(s, x / 6.0f, y / 6.0f) - 0.5f);
    colour rock = mix(rgb(70, 62, 64), rgb(46, 40, 46), noise(s + 1, x / 3.0f, y / 5.0f));
    colour inside = mix(rgb(126, 112, 104), rgb(92, 80, 80), from);

    return mix(inside, rock, (from - 0.82f) * 10.0f);
}

static colour city(uint32_t s, float x, float y)
{
    colour sky = mix(rgb(158, 196, 228), rgb(232, 220, 206), y / 44.0f);
    int block = (int)floorf(x / 8.0f);
    float top = 12.0f + 24.0f * point(s, block, 1), hue = point(s, block, 2);
    int in = (int)x - block * 8;
    colour wall = mix(rgb(112, 118, 140), rgb(166, 142, 132), hue);

    if (y >= 57.0f)
        return y >= 60.0f && y < 61.0f && (int)x % 8 < 4 ? rgb(230, 220, 150) : rgb(78, 80, 86);
    if (y < top)
        return sky;
    if ((in == 2 || in == 5) && (int)y % 4 < 2)
        return point(s + 1, (int)x, (int)y / 4) > 0.45f ? rgb(250, 226, 140) : rgb(84, 92, 112);
    return in == 0 ? shade(wall, -0.08f) : wall;
}

static colour kitchen(uint32_t s, float x, float y)
{
    int row = (int)y / 8, tile_x = (int)(x + (point(s, 0, 0) * 8.0f));
    colour tile = shade(rgb(226, 238, 236), 0.05f * (point(s, tile_x / 8, row) - 0.5f));
    colour board = mix(rgb(196, 150, 104), rgb(160, 112, 74), (y - 46.0f) / 18.0f);

    if (y >= 45.0f)
        return y < 47.0f ? rgb(222, 186, 142) : board;
    return tile_x % 8 == 0 || (int)y % 8 == 0 ? rgb(186, 204, 204) : tile;
}

static colour storm(uint32_t s, float x, float y)
{
    colour cloud = mix(rgb(58, 64, 78), rgb(104, 112, 128), noise(s, x / 10.0f, y / 6.0f));
    colour air = mix(rgb(92, 102, 118), rgb(122, 132, 144), y / 64.0f);
    colour c = mix(cloud, air, (y - 16.0f) / 10.0f);
    float slant = x + 0.4f * y;

    if (y > 14.0f &&
        point(s + 1, (int)slant, ((int)y + (int)(16 * point(s, (int)slant, 9))) / 5) > 0.86f)
        return mix(c, rgb(190, 208, 226), 0.55f);
    return c;
}

static colour table(uint32_t s, float x, float y)
{
    float plank = floorf(y / 13.0f);
    float grain = noise(s + (uint32_t)plank, x / 14.0f, y / 1.2f);
    colour wood = mix(rgb(178, 124, 76), rgb(206, 154, 100), grain);

    wood = shade(wood, 0.06f * (point(s, (int)plank, 7) - 0.5f));
    return y - plank * 13.0f < 1.0f ? rgb(126, 84, 50) : wood;
}

typedef colour painter(uint32_t seed, float x, float y);

static painter *find(const char *id)
{
    static const struct {
        const char *id;
        painter *paint;
    } all[] = {
        { "beach", beach }, { "night", night },     { "meadow", meadow }, { "snow", snow },
        { "sea", sea },     { "forest", forest },   { "desert", desert }, { "cave", cave },
        { "city", city },   { "kitchen", kitchen }, { "storm", storm },   { "table", table }
    };

    for (size_t i = 0; i < DS_COUNT(all); i++)
        if (strcmp(all[i].id, id) == 0)
            return all[i].paint;
    return NULL;
}

bool ds__can_paint_background(const char *id)
{
    return find(id) != NULL;
}

void ds__paint_background(ds__canvas *c, const ds_factors *f, const ds_word_background *b)
{
    painter *paint = b->plain ? NULL : find(b->id);
    colour plain = rgb(b->rgb[0], b->rgb[1], b->rgb[2]);

    if (b->plain) {
        plain.r += f->tint[0] / 255.0f;
        plain.g += f->tint[1] / 255.0f;
        plain.b += f->tint[2] / 255.0f;
    }
    for (int i = 0; i < SIDE * SIDE; i++) {
        colour p =
            paint == NULL ? plain : paint(f->texture_seed, (float)(i % SIDE), (float)(i / SIDE));

        c->rgb[3 * i] = p.r;
        c->rgb[3 * i + 1] = p.g;
        c->rgb[3 * i + 2] = p.b;
    }
}
