-- Why: shops are searched and shown. Items stay the truth of prices and of what a line names; what is
-- shown as one thing, the words that it is found by, and lists that pages are read from come beside it.
-- What was imported before is searched after its next import.

alter table items
    add column product_id text not null generated always as (coalesce(detail ->> 'product_id', id)) stored,
    add column position integer not null default 0,
    -- one lexeme for each option and its label, so that a filter is one query of text search
    add column choices tsvector not null default '',
    add column is_sold boolean not null
        generated always as (coalesce(detail ->> 'status', '') not in ('out_of_stock', 'discontinued')) stored,
    -- the price that product_heads know of: another one in price_minor is told by an index of its own
    add column listed_minor bigint;
create index items_of_product on items (merchant_id, product_id, position, id) include (price_minor, is_sold);
create index items_by_price on items (merchant_id, price_minor) include (product_id);
create index items_repriced on items (merchant_id, product_id) where price_minor is distinct from listed_minor;

create table products (
    merchant_id text not null,
    id text not null check (length(id) between 1 and 255),
    title text not null,
    detail jsonb not null,
    primary key (merchant_id, id)
);

-- Apart from products: a search looks at many of these, so they are small and lie close together.
-- Every lexeme begins with a tag of the merchant, so that the index is one for each merchant.
create table product_heads (
    merchant_id text not null,
    product_id text not null,
    -- the place in the shop's own order
    position integer not null,
    -- how many words the title has: the fewer, the more of it is what was asked
    title_length smallint not null,
    -- of its items, when they were loaded
    price_from bigint not null,
    price_to bigint not null,
    -- titles, categories, options
    head tsvector not null,
    primary key (merchant_id, product_id)
);
create index product_heads_in_order on product_heads (merchant_id, position)
    include (product_id, price_from, price_to);
-- what waits to be sorted in is read by every search, and sorted by whoever fills it: 1 MB is little
create index product_heads_head on product_heads using gin (head) with (gin_pending_list_limit = 1024);

-- All the words, for those searches that titles do not answer.
create table product_words (
    merchant_id text not null,
    product_id text not null,
    position integer not null,
    title_length smallint not null,
    words tsvector not null,
    primary key (merchant_id, product_id)
) with (toast_tuple_target = 8160); -- kept in the row: whoever finds it reads it
create index product_words_words on product_words using gin (words) with (gin_pending_list_limit = 1024);

-- SKUs, barcodes and handles, in lower case; item_id is empty for what names a product as a whole.
create table product_names (
    merchant_id text not null,
    name text not null check (length(name) between 1 and 255),
    product_id text not null,
    item_id text not null,
    primary key (merchant_id, name, product_id, item_id)
);

create table product_languages (
    merchant_id text not null,
    language text not null,
    primary key (merchant_id, language)
);

-- The words of a shop, to correct misspelt ones by. Trigrams are hashed together with the merchant.
create table vocabulary (
    merchant_id text not null,
    word text not null check (length(word) between 1 and 40),
    products integer not null check (products >= 1),
    trigrams integer[] not null,
    primary key (merchant_id, word)
);
create index vocabulary_trigrams on vocabulary using gin (trigrams);

-- What a search found, in order, for those who turn pages. Not logged: whoever turns a page after a
-- crash searches again, and nobody else waits for a disk to find something.
create unlogged table search_lists (
    merchant_id text not null,
    token text not null,
    platform_id text not null,
    product_ids text[] not null check (cardinality(product_ids) <= 1000),
    search jsonb not null,
    expires_at timestamptz not null,
    primary key (merchant_id, token)
);
create index search_lists_expiring on search_lists (expires_at);
