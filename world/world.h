/* world.h - the specimen's world: scenes of 64x64 pixels whose truth is known.
 *
 * A scene is made in three steps that can be taken one at a time: the causal choices are drawn
 * (ds_world_draw), put into words (ds_world_caption) and painted (ds_world_paint). A caller who
 * changes a choice between the steps gets the counterfactual scene, all else equal. Scene i of a
 * split is a pure function of (seed, split, i).
 *
 * Thread rule: an open world is constant and may be shared; a scene belongs to its caller. No
 * call here allocates except _open. */

#ifndef DS_WORLD_H
#define DS_WORLD_H

#include <diffuscope/base.h>

enum {
    DS_WORLD_SIDE = 64, /* width and height of a scene in pixels */
    DS_WORLD_CELL = 48, /* longest side of a stored drawing */
    DS_WORLD_NAMES = 2, /* names of an object, occupation or word list, at most */
    DS_WORLD_STYLES = 6,
    DS_WORLD_SKINS = 5,
    DS_WORLD_THINGS = 2,   /* things that a caption can name in one scene */
    DS_WORLD_ENTITIES = 4, /* things, frame, watermark */
    DS_WORLD_LINKS = 16,
    DS_WORLD_CAPTION = 256,
    DS_WORLD_LEADS = 6, /* ways to begin a caption; the first two in all splits, all in `prompt` */
    DS_WORLD_LIST = 4   /* backgrounds or companions of a sense, at most */
};

typedef struct ds_world ds_world;

typedef enum ds_split {
    DS_SPLIT_TRAIN = 0, /* the mixture of all kinds; never a held-out combination */
    DS_SPLIT_SINGLE,    /* second phase: one object, style named; never a held-out combination */
    DS_SPLIT_TEST,      /* as train, other draws */
    DS_SPLIT_HELDOUT,   /* one or two objects; every scene shows a held-out combination */
    DS_SPLIT_ICON,      /* first phase: as single, people too, all of one size and in the middle */
    DS_SPLIT_PAIR,      /* the same with two objects, the first one left of or above the other */
    DS_SPLIT_HOMONYM,   /* the homonyms of train alone */
    DS_SPLIT_PEOPLE,    /* its people alone; for half of them the gender is all that is said */
    DS_SPLIT_SERIES,    /* scenes 4 n to 4 n + 3: the same but for the style */
    DS_SPLIT_PROMPT,    /* things as newcomers ask for them: "a photo of a cat", "cute cat" */
    DS_SPLITS
} ds_split;

typedef enum ds_scene_kind {
    DS_SCENE_SINGLE = 0,
    DS_SCENE_PAIR,
    DS_SCENE_FRAME,  /* one object inside a picture frame */
    DS_SCENE_PERSON, /* an occupation, sometimes beside an object */
    DS_SCENE_HOMONYM,
    DS_SCENE_EMPTY, /* a background alone */
    DS_SCENE_KINDS
} ds_scene_kind;

/* Relations as drawn. BESIDE and AND are words only: the picture has one of the first four. */
typedef enum ds_relation {
    DS_REL_LEFT = 0, /* things[0] is to the left of things[1] */
    DS_REL_RIGHT,
    DS_REL_ABOVE,
    DS_REL_BELOW,
    DS_REL_BESIDE,
    DS_REL_AND,
    DS_REL_INSIDE, /* things[0] inside a frame */
    DS_RELATIONS,
    DS_REL_NONE = -1
} ds_relation;

typedef enum ds_style_form {
    DS_STYLE_PREFIX = 0, /* "a twemoji cat" */
    DS_STYLE_SUFFIX,     /* "a cat, twemoji style" */
    DS_STYLE_IN,         /* "a cat in twemoji style" */
    DS_STYLE_UNNAMED,
    DS_STYLE_FORMS
} ds_style_form;

typedef enum ds_context {
    DS_CONTEXT_NONE = 0,   /* not a homonym */
    DS_CONTEXT_NEUTRAL,    /* nothing settles the meaning: drawn by the planted probability */
    DS_CONTEXT_BACKGROUND, /* the background settles it */
    DS_CONTEXT_COMPANION   /* the other thing settles it */
} ds_context;

/* One thing that the caption names. Indices point into the tables below; -1: does not apply. */
typedef struct ds_thing {
    int object;            /* ds_world_object; -1 for a person */
    int occupation;        /* ds_world_occupation; -1 for an object */
    int gender;            /* 0 woman, 1 man */
    int skin;              /* 0 light .. 4 dark */
    bool occupation_named; /* false: the word for the gender is the noun */
    bool gender_named;
    bool skin_named;
    int gender_word; /* which of the words for it */
    int name;        /* which of the names */
    int homonym;     /* ds_world_homonym, or -1: the word said instead of the object's name */
    int sense;
    int size; /* ds_world_size */
    bool size_named;
    int size_word;
    float side;   /* longer side of the drawing in pixels */
    float cx, cy; /* centre in pixels; pixel (x, y) covers [x, x+1) x [y, y+1) */
} ds_thing;

/* Every causal choice of a scene. */
typedef struct ds_factors {
    ds_split split;
    int64_t index;
    ds_scene_kind kind;
    int style; /* ds_world_style */
    ds_style_form style_form;
    int background; /* ds_world_background */
    bool background_named;
    int background_text;   /* which of its phrases */
    float tint[3];         /* shift of a plain background's colour, in levels of 255 */
    uint32_t texture_seed; /* of a drawn background */
    int relation;          /* ds_relation as worded, or DS_REL_NONE */
    int placed;            /* ds_relation as drawn: one of the first four, INSIDE or NONE */
    int relation_text;
    int lead_in;   /* -1: none */
    int adjective; /* "cute": of the first thing, changes nothing; -1: none */
    bool bare;     /* the first thing without an article */
    bool stop;     /* a full stop at the end */
    ds_context context;
    bool watermark; /* follows from the things */
    int things;
    ds_thing thing[DS_WORLD_THINGS];
} ds_factors;

typedef enum ds_link_role {
    DS_LINK_OBJECT = 0, /* the noun */
    DS_LINK_SIZE,
    DS_LINK_GENDER,
    DS_LINK_SKIN,
    DS_LINK_STYLE,
    DS_LINK_BACKGROUND,
    DS_LINK_RELATION,
    DS_LINK_FRAME,
    DS_LINK_ROLES
} ds_link_role;

/* caption[first, last) says something about `entity` (-1: about the whole picture). */
typedef struct ds_link {
    ds_link_role role;
    int entity;
    int first, last;
} ds_link;

typedef enum ds_entity_kind {
    DS_ENTITY_OBJECT = 0,
    DS_ENTITY_PERSON,
    DS_ENTITY_FRAME,
    DS_ENTITY_WATERMARK
} ds_entity_kind;

/* What covers which pixel. Entities 0 .. things-1 are the things; frame and watermark follow. */
typedef struct ds_entity {
    ds_entity_kind kind;
    int thing;                                   /* index into factors.thing, or -1 */
    uint8_t mask[DS_WORLD_SIDE * DS_WORLD_SIDE]; /* 1 where it covers more than half */
    int box[4];                                  /* x, y, width, height of the mask */
} ds_entity;

typedef struct ds_scene {
    ds_factors factors;
    char caption[DS_WORLD_CAPTION];
    int links;
    ds_link link[DS_WORLD_LINKS];
    int entities;
    ds_entity entity[DS_WORLD_ENTITIES];
    uint8_t rgb[DS_WORLD_SIDE * DS_WORLD_SIDE * 3]; /* rows from the top, RGB interleaved */
} ds_scene;

/* Reads the tables and sheets of `folder` (the repository's world/). */
ds_status ds_world_open(ds_world **out, const char *folder, ds_error *err);
void ds_world_close(ds_world *w); /* NULL is allowed */

/* Draws, words and paints scene `index` of a split. */
ds_status ds_world_scene(const ds_world *w, ds_split split, int64_t index, ds_scene *out,
                         ds_error *err);

/* The three steps. _caption and _paint read factors and write the rest of the scene. */
ds_status ds_world_draw(const ds_world *w, ds_split split, int64_t index, ds_factors *out,
                        ds_error *err);
ds_status ds_world_caption(const ds_world *w, ds_scene *s, ds_error *err);
ds_status ds_world_paint(const ds_world *w, ds_scene *s, ds_error *err);

/* "train", "single", "test", "heldout", "icon", "pair", "homonym", "people", "series", "prompt". */
const char *ds_split_name(ds_split split);
ds_status ds_split_find(ds_split *out, const char *name, ds_error *err);
const char *ds_scene_kind_name(ds_scene_kind kind);
const char *ds_link_role_name(ds_link_role role);
const char *ds_entity_kind_name(ds_entity_kind kind);

/* Is this combination held out? `placed` < 0 asks about the object and style alone; a pair that
 * is held out is so in every relation. */
bool ds_world_is_heldout(const ds_world *w, int object, int style, int placed);

/* ---- tables ---------------------------------------------------------------------------------- */

typedef struct ds_word_object {
    char id[32];
    char code[32]; /* code point, lower-case; "" for the invented word */
    char group[16];
    char name[DS_WORLD_NAMES][32];
    int names;
    bool some; /* plural or mass noun: "some" instead of "a" */
} ds_word_object;

typedef struct ds_word_style {
    char id[16];
    char word[16];
    bool people; /* has drawings of people */
} ds_word_style;

typedef struct ds_word_background {
    char id[16];
    bool plain;
    uint8_t rgb[3];   /* of a plain one */
    char text[2][40]; /* "on a beach", "at the beach"; for a plain one text[0] alone */
    int texts;
    char empty[32]; /* the noun phrase when nothing stands on it: "a beach" */
} ds_word_background;

typedef struct ds_word_relation {
    char id[16];
    char text[2][24];
    int texts;
    double p;
} ds_word_relation;

typedef struct ds_word_size {
    char id[16];
    char word[DS_WORLD_NAMES][16];
    int words;
    double p, named;
    float alone[2], paired[2]; /* range of the longer side in pixels */
} ds_word_size;

typedef struct ds_word_occupation {
    char id[32];
    char name[DS_WORLD_NAMES][32];
    int names;
    int drawing; /* index into the drawings of people */
    double p_woman;
    double p_skin[DS_WORLD_SKINS];
} ds_word_occupation;

typedef struct ds_word_sense {
    int object;
    double p; /* when nothing settles the meaning */
    int background[DS_WORLD_LIST], backgrounds;
    int companion[DS_WORLD_LIST], companions;
} ds_word_sense;

typedef struct ds_word_homonym {
    char word[32];
    ds_word_sense sense[2];
} ds_word_homonym;

/* What the files say. The invented word is the last object: its upper half is the drawing of
 * `zorp_top`, its lower half that of `zorp_bottom`, in equal parts. */
typedef struct ds_world_tables {
    uint64_t seed;
    int objects, styles, backgrounds, sizes, occupations, homonyms, drawings;
    int plain; /* the first `plain` backgrounds are plain colours */
    ds_word_object *object;
    ds_word_style style[DS_WORLD_STYLES];
    ds_word_background background[32];
    ds_word_relation relation[DS_RELATIONS];
    ds_word_size size[3];
    ds_word_occupation *occupation;
    ds_word_homonym *homonym;
    char gender[2][2][16]; /* words: [woman, man][form] */
    char skin[DS_WORLD_SKINS][24];
    char lead_in[DS_WORLD_LEADS][24];
    char adjective[2][16];
    int adjectives;
    struct {
        double lead_in, adjective, bare, style, background, stop; /* shares of its captions */
    } prompt;
    int zorp, zorp_top, zorp_bottom, watermark;
    double zorp_share, watermark_share, lead_in_share, synonym_share;
    double kind[DS_SCENE_KINDS];
    double style_form[DS_STYLE_FORMS];
    double context[3]; /* neutral, background, companion */
    double person_with_object, gender_named, skin_named;
    double background_named, background_plain;
    int heldout_pair, heldout_triple, heldout_of; /* parts that are held out, of so many */
} ds_world_tables;

const ds_world_tables *ds_world_words(const ds_world *w);

/* ---- drawings -------------------------------------------------------------------------------- */

/* One drawing: premultiplied RGBA, `w` x `h` visible pixels in the middle of a cell. */
typedef struct ds_drawing {
    const uint8_t *rgba; /* DS_WORLD_CELL x DS_WORLD_CELL, rows from the top */
    int x, y, w, h;      /* the visible part */
} ds_drawing;

/* Drawing of an object, or of a person; false where the style has none. */
bool ds_world_object_drawing(const ds_world *w, int style, int object, ds_drawing *out);
bool ds_world_person_drawing(const ds_world *w, int style, int drawing, int gender, int skin,
                             ds_drawing *out);

/* Does the object stand out against a plain background? A caption that leaves the background
 * open never draws one where it does not. */
bool ds_world_contrast(const ds_world *w, int style, int object, int background);

#endif
