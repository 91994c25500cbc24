// What the pages do beyond what their forms and links do by themselves.
