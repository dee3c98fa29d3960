/* page_clean.c - what of a foreign page may come into ours. A report that is merged may have been made by
 * anyone: of it stays what our own pages are made of, elements and attributes by list, with values that
 * lead nowhere. The content policy of the page, which stops scripts and loading, does not stop a meta
 * element that goes elsewhere, a base, a form or a link. */

#include "report/page.h"

#include <string.h>
#include <strings.h>

#define MOST_OPEN 64

typedef struct cut {
    const char *at;
    size_t n;
} cut;

static bool is_one_of(cut c, const char *list)
{
    for (const char *p = list; *p != '\0';) {
        const size_t n = strcspn(p, " ");

        if (n == c.n && memcmp(p, c.at, n) == 0)
            return true;
        p += n + (p[n] == ' ');
    }
    return false;
}

static bool same(cut c, const char *text)
{
    return c.n == strlen(text) && memcmp(c.at, text, c.n) == 0;
}

static const char elements[] =
    "p br h2 h3 h4 div span section figure figcaption img table thead tbody tr th td details "
    "summary "
    "pre ul li nav a button label input canvas script style svg g path line rect text title circle";
static const char alone[] = "br img input",
                  shapes[] = "path line rect circle"; /* these end in "/>" */

static const char attributes[] =
    "class role aria-label aria-pressed aria-hidden aria-live data-map data-row data-col tabindex "
    "width "
    "height alt hidden min max step value scope open title viewBox font-family font-size "
    "font-weight "
    "font-style x y x1 y1 x2 y2 cx cy r rx ry text-anchor fill fill-opacity stroke stroke-width "
    "stroke-dasharray stroke-linecap stroke-linejoin stroke-opacity opacity transform d points "
    "colspan "
    "rowspan checked";

static bool has(cut c, const char *text)
{
    const size_t n = strlen(text);

    for (size_t i = 0; i + n <= c.n; i++)
        if (strncasecmp(c.at + i, text, n) == 0)
            return true;
    return false;
}

static bool is_picture(cut v)
{
    static const char *const begins[] = { "data:image/png;base64,", "data:image/jpeg;base64," };

    for (size_t i = 0; i < DS_COUNT(begins); i++) {
        const size_t n = strlen(begins[i]);

        if (v.n > n && memcmp(v.at, begins[i], n) == 0)
            return strspn(v.at + n, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                    "+/=") >= v.n - n;
    }
    return false;
}

static bool is_allowed(cut element, cut name, cut value)
{
    if (same(name, "href"))
        return same(element, "a") && value.n > 0 && value.at[0] == '#';
    if (same(name, "src"))
        return same(element, "img") && is_picture(value);
    if (same(name, "xmlns"))
        return same(value, "http://www.w3.org/2000/svg");
    if (same(name, "type"))
        return (same(element, "button") && same(value, "button")) ||
               (same(element, "script") && same(value, "application/json")) ||
               (same(element, "input") && (same(value, "range") || same(value, "checkbox")));
    return is_one_of(name, attributes) && !has(value, "url(");
}

/* ---- one tag ------------------------------------------------------------------------------------ */

typedef struct tag {
    cut name;
    bool closes, self_closed, typed;
    ds_buffer text;  /* as it may stand in our page */
    const char *end; /* behind it */
} tag;

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f';
}

/* An attribute from p on: its name, and a value that may be empty. */
static const char *read_attribute(cut *name, cut *value, const char *p, const char *to)
{
    *name = (cut){ p, 0 };
    *value = (cut){ "", 0 };
    while (p < to && !is_blank(*p) && *p != '=' && *p != '>' && (*p != '/' || p == name->at))
        p++;
    name->n = (size_t)(p - name->at);
    while (p < to && is_blank(*p))
        p++;
    if (p >= to || *p != '=')
        return p;
    for (p++; p < to && is_blank(*p);)
        p++;
    if (p < to && (*p == '"' || *p == '\'')) {
        const char *end = memchr(p + 1, *p, (size_t)(to - p - 1));

        if (end == NULL)
            return to;
        *value = (cut){ p + 1, (size_t)(end - p - 1) };
        return end + 1;
    }
    *value = (cut){ p, 0 };
    while (p < to && !is_blank(*p) && *p != '>')
        p++;
    value->n = (size_t)(p - value->at);
    return p;
}

static void put_value(ds_buffer *b, cut v)
{
    for (size_t i = 0; i < v.n; i++) {
        if (v.at[i] == '"')
            ds__buffer_text(b, "&quot;");
        else if (v.at[i] == '<')
            ds__buffer_text(b, "&lt;");
        else
            ds__buffer_add(b, v.at + i, 1);
    }
}

/* A tag from `at`, which stands on its "<". */
static void read_tag(tag *t, const char *at, const char *to)
{
    const char *p = at + 1;

    *t = (tag){ .closes = *p == '/' };
    p += t->closes;
    t->name.at = p;
    while (p < to && !is_blank(*p) && *p != '>' && *p != '/')
        p++;
    t->name.n = (size_t)(p - t->name.at);
    ds__buffer_text(&t->text, "<");
    ds__buffer_add(&t->text, t->name.at, t->name.n);
    while (p < to && *p != '>') {
        cut name, value;

        if (is_blank(*p) || *p == '/') {
            t->self_closed = *p == '/';
            p++;
            continue;
        }
        t->self_closed = false;
        p = read_attribute(&name, &value, p, to);
        if (!is_allowed(t->name, name, value))
            continue;
        t->typed = t->typed || same(name, "type");
        ds__buffer_text(&t->text, " ");
        ds__buffer_add(&t->text, name.at, name.n);
        if (value.n > 0 || (value.at > name.at && value.at < to)) {
            ds__buffer_text(&t->text, "=\"");
            put_value(&t->text, value);
            ds__buffer_text(&t->text, "\"");
        }
    }
    t->self_closed = t->self_closed && is_one_of(t->name, shapes);
    ds__buffer_text(&t->text, t->self_closed ? "/>" : ">");
    t->end = p < to ? p + 1 : to;
}

/* ---- a body ------------------------------------------------------------------------------------- */

typedef struct cleaner {
    ds_buffer *out;
    cut open[MOST_OPEN];
    int depth;
} cleaner;

static void close_top(cleaner *c)
{
    const cut name = c->open[--c->depth];

    ds__buffer_text(c->out, "</");
    ds__buffer_add(c->out, name.at, name.n);
    ds__buffer_text(c->out, ">");
}

/* Ends what is open down to this element; one that is not open stays out. */
static void close_element(cleaner *c, cut name)
{
    int i = c->depth;

    while (i > 0 && (c->open[i - 1].n != name.n || memcmp(c->open[i - 1].at, name.at, name.n) != 0))
        i--;
    while (i > 0 && c->depth >= i)
        close_top(c);
}

static const char *find_end(const char *from, const char *to, cut name)
{
    for (const char *p = from; p + name.n + 2 < to; p++)
        if (p[0] == '<' && p[1] == '/' && strncasecmp(p + 2, name.at, name.n) == 0)
            return p;
    return to;
}

/* Script and style: data of a view and the colours of a chart, or nothing with all that is in it. */
static const char *raw_element(cleaner *c, tag *t, const char *to)
{
    const char *end = find_end(t->end, to, t->name), *close = memchr(end, '>', (size_t)(to - end));
    const cut inner = { t->end, (size_t)(end - t->end) };
    const bool data = same(t->name, "script") && t->typed && memchr(inner.at, '<', inner.n) == NULL;

    if (data || (same(t->name, "style") && same(inner, DS_SVG_STYLE))) {
        ds__buffer_add(c->out, t->text.data, t->text.bytes);
        ds__buffer_add(c->out, inner.at, inner.n);
        ds__buffer_text(c->out, "</");
        ds__buffer_add(c->out, t->name.at, t->name.n);
        ds__buffer_text(c->out, ">");
    }
    return close != NULL ? close + 1 : to;
}

static const char *clean_tag(cleaner *c, const char *at, const char *to)
{
    const char *end;
    tag t;

    read_tag(&t, at, to);
    end = t.end;
    if (!t.closes && ((t.name.n == 6 && strncasecmp(t.name.at, "script", 6) == 0) ||
                      (t.name.n == 5 && strncasecmp(t.name.at, "style", 5) == 0))) {
        end = raw_element(c, &t, to);
    } else if (!is_one_of(t.name, elements) || t.text.failed) {
        end = t.end;
    } else if (t.closes) {
        close_element(c, t.name);
    } else if (is_one_of(t.name, alone) || t.self_closed) {
        if (!same(t.name, "input") || t.typed)
            ds__buffer_add(c->out, t.text.data, t.text.bytes);
    } else if (c->depth < MOST_OPEN) {
        ds__buffer_add(c->out, t.text.data, t.text.bytes);
        c->open[c->depth++] = t.name;
    }
    ds__buffer_clear(&t.text);
    return end;
}

void ds__page_clean(ds_buffer *out, const char *from, const char *to)
{
    cleaner c = { .out = out };

    while (from < to) {
        const char *at = memchr(from, '<', (size_t)(to - from)), *end;

        if (at == NULL)
            at = to;
        ds__buffer_add(out, from, (size_t)(at - from));
        if (at == to)
            break;
        if (to - at > 3 && memcmp(at, "<!--", 4) == 0) {
            end = strstr(at, "-->");
            from = end != NULL && end < to ? end + 3 : to;
        } else if (to - at > 1 && (at[1] == '/' || ((at[1] | 32) >= 'a' && (at[1] | 32) <= 'z'))) {
            from = clean_tag(&c, at, to);
        } else {
            ds__buffer_text(out, "&lt;");
            from = at + 1;
        }
    }
    while (c.depth > 0)
        close_top(&c);
}
