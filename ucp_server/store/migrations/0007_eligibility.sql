-- Why: a discount that buyers claim is granted only to those whom the shop lists.

create table eligibility (
    merchant_id text not null,
    claim text not null check (length(claim) between 1 and 255),
    -- an e-mail address, @ and a domain, or all registered customers; in lower case
    holder text not null check (length(holder) between 1 and 320),
    primary key (merchant_id, claim, holder)
);
