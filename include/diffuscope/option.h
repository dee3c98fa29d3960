/* diffuscope/option.h - the one description of an option: parsing, checks, help, manual, completions,
 * replay, web forms and Python signatures come from rows like these.
 *
 *     typedef struct curve_options { int64_t bins; double guidance; int form; } curve_options;
 *
 *     static const ds_option options[] = {
 *         { .name = "bins", .kind = DS_OPTION_INT, .offset = offsetof(curve_options, bins),
 *           .arg = "N", .standard = "24", .min = 2, .max = 200, .help = "points of the curve" },
 *         { .kind = DS_OPTION_BLOCK, .offset = offsetof(curve_options, run), .block = ds__run_rows },
 *         { 0 },
 *     };
 *
 * A table ends with an empty row. The default is text and stands here alone: a struct is filled by
 * parsing it.
 *
 * Experimental: may change with a minor version. Thread rule: tables are constant; a set belongs to
 * one thread. */

#ifndef DIFFUSCOPE_OPTION_H
#define DIFFUSCOPE_OPTION_H

#include <diffuscope/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Kind, and the type of the field that it fills. */
typedef enum ds_option_kind {
    DS_OPTION_FLAG,   /* bool */
    DS_OPTION_INT,    /* int64_t */
    DS_OPTION_SEED,   /* uint64_t; text below 0 asks for a random one, drawn once when it is set */
    DS_OPTION_REAL,   /* double, finite */
    DS_OPTION_SHARE,  /* double from 0 to 1; text "2%" or "0.02" */
    DS_OPTION_RANGE,  /* ds_range, text "LOW:HIGH" */
    DS_OPTION_PART,   /* ds_part_of, text "I/N" */
    DS_OPTION_TEXT,   /* const char *; NULL: neither given nor a default */
    DS_OPTION_TEXTS,  /* ds_texts: may be set several times */
    DS_OPTION_WORDS,  /* ds_texts; on a command line it takes all that follows: --words cat dog */
    DS_OPTION_CHOICE, /* an enum (int): place of the word in `choices` */
    DS_OPTION_FILE,   /* const char *: a file, or where the help says so a folder, that is read */
    DS_OPTION_OUTFILE, /* const char *: a file that is written; refused if it exists, unless forced */
    DS_OPTION_OUTDIR, /* const char *: a folder that is written; refused unless empty or forced */
    DS_OPTION_OUTPATH, /* const char *: a file where the name ends in .safetensors, else a folder; as those */
    DS_OPTION_STATE, /* const char *: a file that is read if it is there, and written */
    DS_OPTION_BLOCK  /* rows of another table, for a struct inside this one */
} ds_option_kind;

typedef struct ds_texts {
    const char *const *text;
    int64_t count;
} ds_texts;

typedef struct ds_range {
    double low, high; /* both 0: not given */
} ds_range;

typedef struct ds_part_of {
    int64_t part, parts; /* 0 of 0: not given */
} ds_part_of;

typedef struct ds_option {
    const char *name; /* "cfg-scale", without dashes */
    char letter;      /* a short name on the command line, or 0 */
    ds_option_kind kind;
    size_t offset;        /* of the field; not read where a set has no struct for the table */
    const char *arg;      /* name of the argument in the help */
    const char *choices;  /* of a CHOICE: "f32|bf16", in the order of the enum */
    const char *standard; /* default; NULL: none, and the field is 0 or NULL */
    double min, max;      /* both ends included; min == max: no limits */
    const char *unit;     /* "nats", "pixels"; NULL: none */
    const char *help;     /* one sentence without default and range, which are added */
    const char *alias;    /* a second name, known to users of other programs or of older versions */
    bool required;
    bool
        positional; /* of TEXTS: on a command line, the arguments without a name; min to max of them
                        (max 0: any number) */
    const struct ds_option *block; /* of a BLOCK */
    const char
        *setting; /* the key of a model folder's settings.json that stands before `standard` */
} ds_option;

/* ---- values ---------------------------------------------------------------------------------- */

/* Options of several tables with their values: what is set by name is parsed, checked and put into
 * the tables' structs. */
typedef struct ds_option_set ds_option_set;

/* `dashes`: names appear in messages as on a command line, "--steps". */
DS_API ds_status ds_option_set_new(ds_option_set **out, bool dashes, ds_error *err);
DS_API void ds_option_set_free(ds_option_set *s); /* NULL is allowed; the structs' texts go too */

/* Adds the rows of a table, whose fields lie in `fields`; NULL: there is no struct, values are asked
 * for by name. `fields` is borrowed, and its defaults are set by ds_option_set_finish. */
DS_API ds_status ds_option_set_add(ds_option_set *s, const ds_option *table, void *fields,
                                   ds_error *err);

DS_API int ds_option_count(const ds_option_set *s);
DS_API const ds_option *ds_option_at(const ds_option_set *s,
                                     int i); /* in the order of the tables */
DS_API int ds_option_find(const ds_option_set *s, const char *name); /* also an alias; -1: none */

/* Parses a value. DS_E_ARG says what was expected and found; DS_E_NOMATCH names a near option. A
 * flag takes NULL, "true" or "false". TEXTS and WORDS gain one each time, all others are replaced.
 * The text is copied. */
DS_API ds_status ds_option_set_text(ds_option_set *s, const char *name, const char *text,
                                    ds_error *err);

/* Defaults of all that was not set; DS_E_ARG names a required option that is missing. Call it
 * before values are read; a second call does nothing. */
DS_API ds_status ds_option_set_finish(ds_option_set *s, ds_error *err);

DS_API bool ds_option_given(const ds_option_set *s, int i); /* set by hand, not by default */

/* The value as text: as it was written, or the default; NULL: neither. One of several by k. */
DS_API const char *ds_option_text(const ds_option_set *s, int i);
/* The text that is used: what _resolve put in its place, else the same. */
DS_API const char *ds_option_value(const ds_option_set *s, int i);
DS_API ds_texts ds_option_texts(const ds_option_set *s, int i);
DS_API int64_t ds_option_int(const ds_option_set *s, int i);
DS_API uint64_t ds_option_seed(const ds_option_set *s, int i);
DS_API double ds_option_real(const ds_option_set *s, int i);
DS_API bool ds_option_flag(const ds_option_set *s, int i);
DS_API int ds_option_choice(const ds_option_set *s, int i); /* -1: not given and no default */

/* Another text in place of the one that was set, in the field too, without parsing: where a name
 * ("specimen") stands for a path. ds_option_text goes on telling what was written. */
DS_API ds_status ds_option_resolve(ds_option_set *s, int i, const char *text, ds_error *err);

/* Nothing of the user's is overwritten: DS_E_ARG for an OUTFILE that exists and an OUTDIR that is not
 * empty, unless a flag "force" is set (or, for folders, a flag "resume"); DS_E_IO for a link, a pipe or
 * a device in the place of a file. Temporary files that dead processes left there are removed. */
DS_API ds_status ds_option_check_outputs(const ds_option_set *s, ds_error *err);
/* The same of one file whose name was made from an option. */
DS_API ds_status ds_option_check_outfile(const ds_option_set *s, const char *path, ds_error *err);

/* The name as messages show it: "--steps" or "steps". */
DS_API const char *ds_option_shown(const ds_option_set *s, int i);

/* ---- tables ---------------------------------------------------------------------------------- */

/* Place of a word in "a|b|c"; -1: not in it. */
DS_API int ds_choice_place(const char *choices, const char *word);

/* The nearest of `count` words that is near enough to be what `word` was meant to be, or NULL. */
DS_API const char *ds_near_match(const char *word, const char *const *words, int count);

#ifdef __cplusplus
}
#endif
#endif
