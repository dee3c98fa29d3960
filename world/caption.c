/* caption.c - puts the causal choices of a scene into words, and remembers which word says what.
 *
 * Thread rule: reads the world, writes the caller's scene. */

#include "world/internal.h"

#include <stdio.h>
#include <string.h>

/* The caption as it grows. `full` is set when something did not fit. */
typedef struct writer {
    ds_scene *s;
    int length;
    bool full;
} writer;

/* Appends a word or phrase, with a space before it unless it begins the text or is a comma or stop.
 * Returns where it starts. */
static int say(writer *o, const char *text)
{
    size_t n = strlen(text);
    int space = o->length > 0 && text[0] != ',' && text[0] != '.';

    if ((size_t)o->length + n + 2 > sizeof o->s->caption) {
        o->full = true;
        return o->length;
    }
    if (space)
        o->s->caption[o->length++] = ' ';
    memcpy(o->s->caption + o->length, text, n + 1);
    o->length += (int)n;
    return o->length - (int)n;
}

static void say_linked(writer *o, const char *text, ds_link_role role, int entity)
{
    int first = say(o, text);

    if (o->s->links == DS_WORLD_LINKS) {
        o->full = true;
        return;
    }
    o->s->link[o->s->links++] = (ds_link){ role, entity, first, o->length };
}

/* "an" before a vowel sound; the few words of the world whose spelling misleads are listed. */
static const char *article(const char *next)
{
    static const char *const odd[] = { "unicorn", "ufo", "uni" };
    static const char *const silent[] = { "hour", "honest" };

    for (size_t i = 0; i < DS_COUNT(odd); i++)
        if (strncmp(next, odd[i], strlen(odd[i])) == 0)
            return "a";
    for (size_t i = 0; i < DS_COUNT(silent); i++)
        if (strncmp(next, silent[i], strlen(silent[i])) == 0)
            return "an";
    return strchr("aeiou", next[0]) != NULL ? "an" : "a";
}

static const char *noun_of(const ds_world_tables *t, const ds_thing *x)
{
    if (x->occupation >= 0)
        return t->occupation[x->occupation].name[x->name];
    if (x->homonym >= 0)
        return t->homonym[x->homonym].word;
    return t->object[x->object].name[x->name];
}

enum { WORDS = 5 }; /* size, adjective, style, gender, noun */

/* "a small twemoji woman judge with dark skin", or "a woman" alone. The style stands here in the
 * first phrase of a caption of that form. */
static void say_thing(writer *o, const ds_world_tables *t, int which)
{
    const ds_factors *f = &o->s->factors;
    const ds_thing *x = &f->thing[which];
    bool style = which == 0 && f->style_form == DS_STYLE_PREFIX;
    const char *words[WORDS] = { NULL }, *first = NULL;
    static const ds_link_role roles[WORDS] = { DS_LINK_SIZE, DS_LINK_ROLES, DS_LINK_STYLE,
                                               DS_LINK_GENDER, DS_LINK_OBJECT };

    if (x->size_named)
        words[0] = t->size[x->size].word[x->size_word];
    if (which == 0 && f->adjective >= 0)
        words[1] = t->adjective[f->adjective];
    if (style)
        words[2] = t->style[f->style].word;
    if (x->occupation >= 0 && x->gender_named)
        words[3] = t->gender[x->gender][x->gender_word];
    if (x->occupation < 0 || x->occupation_named)
        words[4] = noun_of(t, x);
    for (int i = WORDS - 1; i >= 0; i--)
        first = words[i] != NULL ? words[i] : first;
    if (which != 0 || !f->bare)
        say(o, x->object >= 0 && x->homonym < 0 && t->object[x->object].some ? "some"
                                                                             : article(first));
    for (int i = 0; i < WORDS; i++)
        if (words[i] != NULL && roles[i] == DS_LINK_ROLES) /* says nothing about the picture */
            say(o, words[i]);
        else if (words[i] != NULL)
            say_linked(o, words[i], roles[i], roles[i] == DS_LINK_STYLE ? -1 : which);
    if (x->occupation >= 0 && x->skin_named) {
        char text[48];

        snprintf(text, sizeof text, "%s skin", t->skin[x->skin]);
        say(o, "with");
        say_linked(o, text, DS_LINK_SKIN, which);
    }
}

static void say_background(writer *o, const ds_world_tables *t)
{
    const ds_factors *f = &o->s->factors;
    const ds_word_background *b = &t->background[f->background];

    say_linked(o, f->things == 0 ? b->empty : b->text[f->background_text], DS_LINK_BACKGROUND, -1);
}

ds_status ds_world_caption(const ds_world *w, ds_scene *s, ds_error *err)
{
    const ds_world_tables *t = &w->t;
    const ds_factors *f = &s->factors;
    writer o = { s, 0, false };

    s->caption[0] = '\0';
    s->links = 0;
    if (f->lead_in >= 0)
        say(&o, t->lead_in[f->lead_in]);
    if (f->things > 0)
        say_thing(&o, t, 0);
    if (f->relation >= 0) {
        const char *text = t->relation[f->relation].text[f->relation_text];

        /* The frame is the entity after the things. */
        say_linked(&o, text, f->relation == DS_REL_INSIDE ? DS_LINK_FRAME : DS_LINK_RELATION,
                   f->relation == DS_REL_INSIDE ? f->things : -1);
        if (f->things > 1)
            say_thing(&o, t, 1);
    }
    if (f->background_named)
        say_background(&o, t);
    if (f->style_form == DS_STYLE_SUFFIX || f->style_form == DS_STYLE_IN) {
        say(&o, f->style_form == DS_STYLE_SUFFIX ? "," : "in");
        say_linked(&o, t->style[f->style].word, DS_LINK_STYLE, -1);
        say(&o, "style");
    }
    if (f->stop)
        say(&o, ".");
    if (o.full)
        return ds_fail(err, DS_E_FORMAT,
                       "the caption of scene %lld of split %s is longer than %d "
                       "characters or %d links",
                       (long long)f->index, ds_split_name(f->split), DS_WORLD_CAPTION,
                       DS_WORLD_LINKS);
    return DS_OK;
}
