/* test_page.c - report.html: escaping, nothing from outside, words with maps, one page in another.
 */

#include "support.h"

#include <diffuscope/chart.h>
#include <diffuscope/page.h>

#include "base/hash.h"
#include "report/page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const float ramp[4] = { 0.0f, 1.0f, 2.0f, 4.0f };
static const ds_map ramp_map = { ramp, NULL, 2, 2 };
static unsigned char pixels[3 * 4 * 4];
static const ds_image picture = { 4, 4, pixels };
static const char hostile[] = "</script><script>alert(1)</script><b onload=\"x\">'&\x01";

static ds_page *new_page(const char *title)
{
    ds_error err = { 0 };
    ds_page *p;

    ts_ok(ds_page_new(&p, title, &err), &err);
    return p;
}

static void dump(char **html, ds_page *p)
{
    ds_error err = { 0 };

    ts_ok(ds_page_dump(p, html, &err), &err);
}

static void add_words(ds_page *p, const char *word)
{
    const ds_page_word words[] = { { .text = word, .map = ramp_map, .note = word },
                                   { .text = "of" },
                                   { .text = word, .map = ramp_map, .asked = true } };
    ds_figure_options o = DS_FIGURE_OPTIONS_INIT;
    ds_error err = { 0 };

    o.picture = &picture;
    o.unit = word;
    o.side = 16;
    ts_ok(ds_page_words(p, word, word, words, 3, &o, &err), &err);
}

static void everything_is_escaped(void **state)
{
    const char *const cells[] = { hostile, "1.5" }, *const head[] = { hostile, "n" };
    const ds_table table = { hostile, head, cells, 1, 2 };
    ds_page *p = new_page(hostile);
    char *html, *at;
    int scripts = 0;

    (void)state;
    ts_ok(ds_page_section(p, hostile, NULL), NULL);
    ts_ok(ds_page_text(p, hostile, NULL), NULL);
    ts_ok(ds_page_picture(p, &picture, hostile, hostile, NULL), NULL);
    ts_ok(ds_page_table(p, &table, NULL), NULL);
    ts_ok(ds_page_record(p, hostile, hostile, NULL), NULL);
    add_words(p, hostile);
    dump(&html, p);
    assert_null(strstr(html, "alert(1)</script"));
    assert_null(strstr(html, "<b onload"));
    assert_null(strstr(html, "onload=\""));
    assert_null(strchr(html, '\x01'));
    assert_non_null(strstr(html, "&lt;b onload=&quot;x&quot;&gt;&#39;&amp;\xef\xbf\xbd"));
    for (at = html; (at = strstr(at, "<script")) != NULL; at++)
        scripts++;
    assert_int_equal(scripts, 2); /* the data of the words and our own */
    assert_non_null(strstr(html, "<td class=\"n\">1.5</td>"));
    ds_free(html);
    ds_page_free(p);
}

/* The only addresses are of pictures inside the file, of parts of the page, and SVG's name. */
static void nothing_comes_from_outside(void **state)
{
    const double y[2] = { 1.0, 2.0 };
    const ds_series s = { "s", DS_SERIES_BARS, 2, NULL, y, NULL, NULL };
    ds_chart c = DS_CHART_INIT;
    ds_page *p = new_page("a page");
    char *svg, *html;

    (void)state;
    c.series = &s;
    c.count = 1;
    ts_ok(ds_chart_svg(&svg, &c, NULL), NULL);
    for (int i = 0; i < 3; i++)
        ts_ok(ds_page_section(p, "part", NULL), NULL);
    ts_ok(ds_page_chart(p, svg, "a chart", NULL), NULL);
    add_words(p, "apple");
    dump(&html, p);
    for (char *at = html; (at = strstr(at, "://")) != NULL; at++)
        assert_int_equal(strncmp(at, "://www.w3.org/2000/svg\"", 23), 0);
    for (char *at = html; (at = strstr(at, " src=\"")) != NULL; at++)
        assert_int_equal(strncmp(at, " src=\"data:image/png;base64,", 28), 0);
    for (char *at = html; (at = strstr(at, " href=\"")) != NULL; at++)
        assert_int_equal(strncmp(at, " href=\"#s", 9), 0);
    assert_null(strstr(html, "@import"));
    assert_null(strstr(html, "url("));
    assert_non_null(strstr(html, "default-src 'none'"));
    assert_non_null(strstr(html, "<nav "));
    ds_free(html);
    ds_free(svg);
    ds_page_free(p);
}

/* A browser runs the script only if its SHA-256 is the one in the policy. */
static void the_policy_names_the_script(void **state)
{
    ds_page *p = new_page("a page");
    char *html, *begin, *end, hex[65], base64[65];
    ds_sha256 s;

    (void)state;
    add_words(p, "apple");
    dump(&html, p);
    begin = strstr(html, "<script>") + 8;
    end = strstr(begin, "</script>");
    ds__sha256_begin(&s);
    ds__sha256_add(&s, begin, (size_t)(end - begin));
    ds__sha256_end(&s, hex);
    assert_int_equal(sscanf(strstr(html, "'sha256-") + 8, "%64[^']", base64), 1);
    for (int i = 0; i < 10; i++) { /* three bytes from four letters */
        static const char digits[] =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        unsigned v = 0;
        char three[7];

        for (int k = 0; k < 4; k++)
            v = v << 6 | (unsigned)(strchr(digits, base64[4 * i + k]) - digits);
        snprintf(three, sizeof three, "%06x", v);
        assert_memory_equal(three, hex + 6 * i, 6);
    }
    ds_free(html);
    ds_page_free(p);
}

static void words_are_buttons_with_their_maps(void **state)
{
    ds_page *p = new_page("a page");
    char *html, *map;

    (void)state;
    add_words(p, "apple");
    dump(&html, p);
    assert_non_null(strstr(html, "<button type=\"button\" aria-pressed=\"false\" data-map=\"0\" "
                                 "title=\"apple\">apple</button>"));
    assert_non_null(strstr(html, "data-map=\"1\">apple</button>"));
    assert_non_null(strstr(html, "<span>of</span>"));
    assert_non_null(strstr(html, "asked for:"));
    map = strstr(html, "\"maps\":[{\"width\":2,\"height\":2,\"low\":0,\"high\":4,\"least\":0,"
                       "\"most\":4,\"most_se\":0,\"values\":\"");
    assert_non_null(map);
    /* 0, 16384, 32768, 65535 with the low byte first */
    assert_non_null(strstr(map, "\"values\":\"AAAAQACA//8=\""));
    ds_free(html);
    ds_page_free(p);
}

/* 3 to 4 is the larger step, 0 to 0.5 the larger share. */
static void the_map_that_shows_most_comes_first(void **state)
{
    static const float high[2] = { 3.0f, 4.0f }, low[2] = { 0.0f, 0.5f };
    const ds_page_word words[] = { { .text = "of" },
                                   { .text = "low", .map = { low, NULL, 2, 1 } },
                                   { .text = "high", .map = { high, NULL, 2, 1 } } };
    ds_figure_options o = DS_FIGURE_OPTIONS_INIT;
    ds_page *p = new_page("a page");
    char *html;

    (void)state;
    o.picture = &picture;
    o.side = 16;
    ts_ok(ds_page_words(p, NULL, NULL, words, 3, &o, NULL), NULL);
    o.own_scales = true;
    ts_ok(ds_page_words(p, NULL, NULL, words, 3, &o, NULL), NULL);
    dump(&html, p);
    assert_non_null(strstr(html, "\"first\":\"1\""));
    assert_non_null(strstr(strstr(html, "\"first\":\"1\""), "\"first\":\"0\""));
    ds_free(html);
    ds_page_free(p);
}

static void misuse_is_refused(void **state)
{
    const float bad[4] = { 0.0f, NAN, 0.0f, 0.0f };
    const ds_page_word nan = { .text = "a", .map = { bad, NULL, 2, 2 } };
    const ds_page_word plain = { .text = "a" }, latin = { .text = "\xe4", .map = ramp_map };
    ds_figure_options o = DS_FIGURE_OPTIONS_INIT;
    ds_page *p = new_page("a page"), *none;
    char *before, *after;

    (void)state;
    dump(&before, p);
    assert_int_equal(ds_page_words(p, NULL, NULL, &nan, 1, &o, NULL), DS_E_ARG); /* no picture */
    o.picture = &picture;
    assert_int_equal(ds_page_words(p, NULL, NULL, &nan, 1, &o, NULL), DS_E_ARG);
    assert_int_equal(ds_page_words(p, NULL, NULL, &plain, 1, &o, NULL), DS_E_ARG);
    assert_int_equal(ds_page_words(p, NULL, NULL, &latin, 1, &o, NULL), DS_E_ARG);
    assert_int_equal(ds_page_words(p, NULL, NULL, &plain, 0, &o, NULL), DS_E_ARG);
    assert_int_equal(ds_page_text(p, "\xe4", NULL), DS_E_ARG);
    assert_int_equal(ds_page_chart(p, "<script>", NULL, NULL), DS_E_ARG);
    assert_int_equal(ds_page_new(&none, "\xe4", NULL), DS_E_ARG);
    assert_null(none);
    dump(&after, p);
    assert_string_equal(before, after); /* nothing of it has got into the page */
    ds_free(before);
    ds_free(after);
    ds_page_free(p);
}

static void a_page_includes_another(void **state)
{
    char folder[] = "/tmp/diffuscope-page-XXXXXX";
    const char *path;
    ds_page *p = new_page("inner <1>"), *q = new_page("outer");
    ds_error err = { 0 };
    char *html = NULL;
    FILE *f;

    (void)state;
    assert_non_null(mkdtemp(folder));
    path = ts_path(folder, "report.html");
    for (int i = 0; i < 3; i++)
        ts_ok(ds_page_section(p, "h2 part", NULL), NULL);
    add_words(p, "apple");
    ts_ok(ds_page_save(p, path, &err), &err);
    ts_ok(ds_page_include(q, path, &err), &err);
    ts_ok(ds_page_include(q, path, &err), &err);
    dump(&html, q);
    assert_non_null(strstr(html, "<h2 id=\"s2\">inner &lt;1&gt;</h2>"));
    assert_non_null(strstr(html, "<h3>h2 part</h3>"));
    assert_null(strstr(html, "<h2 id=\"s3\">"));
    assert_null(strstr(html, "<nav "));
    assert_non_null(strstr(html, "<script>"));
    ds_free(html);
    f = fopen(path, "w");
    fputs("<html><h1>x</h1>\n</main>", f);
    fclose(f);
    assert_int_equal(ds_page_include(q, path, NULL), DS_E_FORMAT);
    remove(path);
    assert_int_equal(ds_page_include(q, path, NULL), DS_E_IO);
    rmdir(folder);
    ds_page_free(p);
    ds_page_free(q);
}

/* Panels are parts of the page: their words are text, their scales have numbers. */
static void a_sheet_is_text_and_pictures(void **state)
{
    ds_figure_options o = DS_FIGURE_OPTIONS_INIT;
    ds_page *p = new_page("sheets");
    ds_panel panels[3] = { { .title = "picture" },
                           { .title = "a <b>", .map = ramp_map },
                           { .title = "c", .map = ramp_map } };
    ds_error err = { 0 };
    char *html = NULL;
    int pictures = 0;

    (void)state;
    o.picture = &picture;
    o.unit = "nats & bits";
    ts_ok(ds_page_sheet(p, "Title", panels, 3, &o, "caption", &err), &err);
    dump(&html, p);
    for (const char *at = html; (at = strstr(at, "<img ")) != NULL; at++)
        pictures++;
    assert_int_equal(pictures, 4); /* and one scale for all */
    assert_non_null(strstr(html, "<p>a &lt;b&gt;</p>"));
    assert_non_null(strstr(html, "nats &amp; bits"));
    assert_non_null(strstr(html, "<figcaption>caption</figcaption>"));
    ds_free(html);
    o.own_scales = true;
    ts_ok(ds_page_sheet(p, NULL, panels, 3, &o, NULL, &err), &err);
    dump(&html, p);
    pictures = 0;
    for (const char *at = html; (at = strstr(at, "class=\"strip\"")) != NULL; at++)
        pictures++;
    assert_int_equal(pictures, 3); /* of the first sheet, and of two maps */
    ds_free(html);
    o.picture = NULL;
    assert_int_equal(ds_page_sheet(p, NULL, panels, 3, &o, NULL, &err), DS_E_ARG);
    assert_int_equal(ds_page_sheet(p, NULL, panels, 0, &o, NULL, NULL), DS_E_ARG);
    ds_page_free(p);
}

/* The page of merged reports is ours: of a foreign one nothing runs, loads or leads elsewhere. */
static void a_hostile_page_is_cleaned(void **state)
{
    static const char *const foreign[][2] = {
        { "<p>a</p><script>alert(1)</script><p>b</p>", "<p>a</p><p>b</p>" },
        { "<SCRIPT src=x>1</SCRIPT >z", "z" },
        { "<script type=\"application/json\">{\"a\":1}</script>",
          "<script type=\"application/json\">{\"a\":1}</script>" },
        { "<script type=\"application/json\"><!--<script></script>x", "x" },
        { "<script type='text/javascript'>1</script>", "" },
        { "<meta http-equiv=\"refresh\" content=\"0;url=http://evil\"><base href=\"http://evil/\">",
          "" },
        { "<form action=\"http://evil\"><input name=q><input type=\"range\" min=\"0\"></form>",
          "<input type=\"range\" min=\"0\">" },
        { "<a href=\"javascript:alert(1)\">x</a><a href=\"#s1\">y</a><a href=' http://e'>z</a>",
          "<a>x</a><a href=\"#s1\">y</a><a>z</a>" },
        { "<img src=x onerror=alert(1)><img src=\"data:image/svg+xml;base64,AA\">", "<img><img>" },
        { "<img src=\"data:image/png;base64,iVBOR/+=\" alt=\"\">",
          "<img src=\"data:image/png;base64,iVBOR/+=\" alt=\"\">" },
        { "<p onclick=\"x\" style=\"position:fixed\" class=\"quiet\">t</p>",
          "<p class=\"quiet\">t</p>" },
        { "<div><p>never closed", "<div><p>never closed</p></div>" },
        { "</div></main></body>t<iframe src=\"//e\">u</iframe><object data=v><embed src=w>", "tu" },
        { "<div/>x", "<div>x</div>" },
        { "<style>@import url(//e)</style><style>" DS_SVG_STYLE "</style>",
          "<style>" DS_SVG_STYLE "</style>" },
        { "<svg xmlns=\"http://www.w3.org/2000/svg\"><path fill=\"URL(//e)\" d=\"M0 0\"/><use "
          "href=\"//e\"/>"
          "<foreignObject>f</foreignObject></svg>",
          "<svg xmlns=\"http://www.w3.org/2000/svg\"><path d=\"M0 0\"/>f</svg>" },
        { "<!-- x --><p title=\"1\"2\">a<b", "<p title=\"1\">a</p>" },
        { "1 < 2 <p", "1 &lt; 2 <p></p>" },
        { "<p title=\"unended", "<p title></p>" },
    };

    (void)state;
    for (size_t i = 0; i < DS_COUNT(foreign); i++) {
        ds_buffer b = { 0 };
        char *text;

        ds__page_clean(&b, foreign[i][0], foreign[i][0] + strlen(foreign[i][0]));
        ts_ok(ds__buffer_take(&b, &text, NULL, "test", NULL), NULL);
        assert_string_equal(text, foreign[i][1]);
        ds_free(text);
    }
}

static ds_status whole_page(void)
{
    ds_page_word word = { .text = "apple", .map = ramp_map };
    ds_figure_options o = DS_FIGURE_OPTIONS_INIT;
    ds_page *p;
    char *html = NULL;
    ds_status st = ds_page_new(&p, "a page", NULL);

    o.picture = &picture;
    o.side = 16;
    if (st == DS_OK)
        st = ds_page_text(p, "one\n\ntwo", NULL);
    if (st == DS_OK)
        st = ds_page_words(p, NULL, NULL, &word, 1, &o, NULL);
    if (st == DS_OK)
        st = ds_page_dump(p, &html, NULL);
    ds_free(html);
    ds_page_free(p);
    return st;
}

static void memory_may_end_anywhere(void **state)
{
    int64_t requests = 1;

    (void)state;
    for (int64_t n = 0; n <= requests; n++) {
        ts_alloc_begin(n);
        assert_int_equal(whole_page(), n == 0 ? DS_OK : DS_E_NOMEM);
        requests = n == 0 ? ts_alloc_requests() : requests;
        assert_int_equal(ts_alloc_end(), 0);
    }
    assert_true(requests > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_escaped),
        cmocka_unit_test(nothing_comes_from_outside),
        cmocka_unit_test(the_policy_names_the_script),
        cmocka_unit_test(words_are_buttons_with_their_maps),
        cmocka_unit_test(the_map_that_shows_most_comes_first),
        cmocka_unit_test(misuse_is_refused),
        cmocka_unit_test(a_page_includes_another),
        cmocka_unit_test(a_sheet_is_text_and_pictures),
        cmocka_unit_test(a_hostile_page_is_cleaned),
        cmocka_unit_test(memory_may_end_anywhere),
    };

    return cmocka_run_group_tests_name("page", tests, NULL, NULL);
}
